"""`grantkeeper templates`: what a token config can start from."""

from typing import Annotated

import typer

from grantkeeper.cli.asking import session_of
from grantkeeper.cli.errors import NotThere
from grantkeeper.cli.output import FormatOption, facts, structured, table
from schemas.config_commands import TemplateList
from schemas.config_results import TemplatePage

app = typer.Typer(no_args_is_help=True, help="What a token config can start from.")


@app.command("list")
def list_(context: typer.Context, output: FormatOption = "table") -> None:
    """Print all templates."""
    page = session_of(context).one(TemplateList(), TemplatePage)
    if not structured(page.templates, output):
        rows = [(one.slug, one.name, one.auth_flow, one.needs) for one in page.templates]
        table(("TEMPLATE", "NAME", "FLOW", "NEEDS"), rows)


@app.command()
def show(
    context: typer.Context,
    template: Annotated[str, typer.Argument(metavar="TEMPLATE", help="Its short name, or its name.")],
    output: FormatOption = "table",
) -> None:
    """Print one template: what it needs and what to do at the provider."""
    page = session_of(context).one(TemplateList(), TemplatePage)
    found = [one for one in page.templates if template in (one.slug, one.name)]
    if not found:
        raise NotThere(f"there is no template {template}: see `grantkeeper templates list`")
    view = found[0]
    if not structured(view, output):
        facts(
            [
                ("template", view.slug),
                ("name", view.name),
                ("flow", view.auth_flow),
                ("scope", view.scope),
                ("issuer", view.issuer),
                ("needs", view.needs),
                ("redirect URI ends in", f"/oauth2/callback/{view.redirect_slug}"),
                ("at the provider", view.setup_hint),
            ]
        )
