"""`grantkeeper config`: token configs, from a template to the last delete."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from grantkeeper import transfer
from grantkeeper.cli import config_files
from grantkeeper.cli.asking import Questions, session_of
from grantkeeper.cli.config_fields import (
    ClientIdOption,
    NotifyRefreshTokenOption,
    NotifyTokenOption,
    ScopeOption,
    SetOption,
    UrlOption,
    ValidityOption,
    Wanted,
    edits,
)
from grantkeeper.cli.config_files import sentence_of
from grantkeeper.cli.errors import NotThere, WrongData
from grantkeeper.cli.files import read_bytes
from grantkeeper.cli.output import FormatOption, facts, note, structured, table
from grantkeeper.cli.secret_input import SecretFileOption, SecretPromptOption, read_secret
from grantkeeper.cli.tokens import used_by_sentence
from grantkeeper.process.clock import SYSTEM_IDS
from schemas.config_commands import (
    ConfigCreate,
    ConfigDelete,
    ConfigHistory,
    ConfigReleaseName,
    ConfigSetValidity,
    ConfigUndelete,
    ConfigUpdate,
    TemplateList,
)
from schemas.config_results import (
    ConfigHistoryPage,
    ConfigSaved,
    ConfigView,
    HistoryEntry,
    TemplatePage,
)
from schemas.token_config import TokenConfig, Validity

app = typer.Typer(no_args_is_help=True, help="Token configs.")
app.command("import")(config_files.import_)
app.command()(config_files.export)
app.command()(config_files.validate)

Config = Annotated[str, typer.Argument(metavar="NAME", help="Name, former name or id of the token config.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what the change would mean, store nothing.")]
HISTORY_PAGE = 100


@app.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the new token config.")],
    template: Annotated[str | None, typer.Option(help="Start from this template.")] = None,
    copy_of: Annotated[str | None, typer.Option(metavar="NAME", help="Start from a copy of this token config.")] = None,
    client_id: ClientIdOption = None,
    secret_prompt: SecretPromptOption = False,
    secret_file: SecretFileOption = None,
    scope: ScopeOption = None,
    notify_expired_token: NotifyTokenOption = None,
    notify_expired_refresh_token: NotifyRefreshTokenOption = None,
    validity: ValidityOption = None,
    url: UrlOption = None,
    set_: SetOption = None,
    output: FormatOption = "table",
) -> None:
    """Make a token config from a template, or as a copy of another one."""
    if (template is None) is (copy_of is None):
        raise typer.BadParameter("say --template NAME or --copy-of NAME, one of the two")
    wanted = Wanted(
        name=name,
        client_id=client_id,
        client_secret=read_secret("Client secret", secret_file, prompt=secret_prompt),
        scope=scope,
        notify_expired_token=notify_expired_token,
        notify_expired_refresh_token=notify_expired_refresh_token,
        validity=validity,
        urls=url or (),
        options=set_ or (),
    )

    async def work(questions: Questions) -> ConfigSaved:
        base, origin = await _origin(questions, template, copy_of)
        fields = edits(wanted, base, questions.credential.installation_key)
        config_id = SYSTEM_IDS.uuid7()
        message = ConfigCreate(config_id=config_id, template=template, copy_of=origin, fields=fields)
        return await questions.ask(message, ConfigSaved, config_id=config_id)

    _print_saved(session_of(context).run(work), output)


@app.command()
def update(
    context: typer.Context,
    config: Config,
    file: Annotated[Path | None, typer.Option("--file", help="Replace the whole YAML by this file's.")] = None,
    name: Annotated[str | None, typer.Option(help="New name; the old one keeps resolving.")] = None,
    client_id: ClientIdOption = None,
    secret_prompt: SecretPromptOption = False,
    secret_file: SecretFileOption = None,
    scope: ScopeOption = None,
    notify_expired_token: NotifyTokenOption = None,
    notify_expired_refresh_token: NotifyRefreshTokenOption = None,
    validity: ValidityOption = None,
    url: UrlOption = None,
    set_: SetOption = None,
    clear: Annotated[list[str] | None, typer.Option(help="Empty client_secret, scope or client_id.")] = None,
    revision: Annotated[
        int | None, typer.Option(min=1, help="The revision that was seen; refused where somebody was faster.")
    ] = None,
    dry_run: DryRunOption = False,
    output: FormatOption = "table",
) -> None:
    """Change fields of a token config, or its whole YAML; what it means for the login is said."""
    wanted = Wanted(
        name=name,
        client_id=client_id,
        client_secret=read_secret("Client secret", secret_file, prompt=secret_prompt),
        scope=scope,
        notify_expired_token=notify_expired_token,
        notify_expired_refresh_token=notify_expired_refresh_token,
        validity=validity,
        urls=url or (),
        options=set_ or (),
        clear=clear or (),
    )
    if (file is None) is (wanted == Wanted()):
        raise typer.BadParameter("say what to change: --file FILE alone, or other options")
    raw = None if file is None else read_bytes(file)

    asked = _Update(config, wanted, raw, revision, dry_run)
    _print_saved(session_of(context).run(asked.send), output)


@app.command("set-validity")
def set_validity(context: typer.Context, config: Config, validity: Validity, output: FormatOption = "table") -> None:
    """Set valid, invalid (nothing is served or refreshed) or invalid-temporarily (kept alive, not served)."""

    async def work(questions: Questions) -> ConfigSaved:
        config_id = (await questions.config(config)).config_id
        message = ConfigSetValidity(config_id=config_id, validity=validity)
        return await questions.ask(message, ConfigSaved, config_id=config_id)

    _print_saved(session_of(context).run(work), output)


@app.command()
def delete(
    context: typer.Context,
    config: Config,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    output: FormatOption = "table",
) -> None:
    """Take a token config out of service, after saying who used it lately; undoable for 30 days."""

    async def work(questions: Questions) -> ConfigSaved:
        view = await questions.config(config)
        if not yes:
            note(used_by_sentence(await questions.status(view.config_id)))
            typer.confirm(f"Delete {view.name!r}?", abort=True, err=True)
        message = ConfigDelete(config_id=view.config_id, expected_revision=view.revision)
        return await questions.ask(message, ConfigSaved, config_id=view.config_id)

    saved = session_of(context).run(work)
    _print_saved(saved, output)
    note(f"To take it back within 30 days: grantkeeper config undelete {saved.config_id}")


@app.command()
def undelete(context: typer.Context, config: Config, output: FormatOption = "table") -> None:
    """Take a delete back."""

    async def work(questions: Questions) -> ConfigSaved:
        config_id = (await questions.config(config)).config_id
        return await questions.ask(ConfigUndelete(config_id=config_id), ConfigSaved, config_id=config_id)

    _print_saved(session_of(context).run(work), output)


@app.command("release-name")
def release_name(
    context: typer.Context,
    config: Config,
    former_name: Annotated[str, typer.Argument(metavar="FORMER", help="The former name that others may use again.")],
    output: FormatOption = "table",
) -> None:
    """Let others use a former name; it no longer leads to this token config."""

    async def work(questions: Questions) -> ConfigSaved:
        config_id = (await questions.config(config)).config_id
        message = ConfigReleaseName(config_id=config_id, name=former_name)
        return await questions.ask(message, ConfigSaved, config_id=config_id)

    _print_saved(session_of(context).run(work), output)


@app.command()
def get(
    context: typer.Context,
    config: Config,
    text: Annotated[bool, typer.Option("--text", help="Print the YAML alone.")] = False,
    output: FormatOption = "table",
) -> None:
    """Print a token config; its client secret is shown sealed."""
    session = session_of(context)
    view = session.run(lambda questions: questions.config(config))
    if text:
        typer.echo(view.text, nl=False)
    elif not structured(view, output):
        _print_view(view)
        typer.echo("\n" + view.text, nl=False)


@app.command()
def history(context: typer.Context, config: Config, output: FormatOption = "table") -> None:
    """Print who changed what and when, newest first."""
    entries = session_of(context).run(lambda questions: _history(questions, config))
    if not structured(entries, output):
        rows = [(one.revision, one.at, one.actor, one.action, one.changed) for one in entries]
        table(("REVISION", "WHEN", "WHO", "WHAT", "CHANGED"), rows)


@dataclass(frozen=True, slots=True)
class _Update:
    """What `config update` was asked for; `raw` replaces the whole YAML."""

    config: str
    wanted: Wanted
    raw: bytes | None
    revision: int | None
    dry_run: bool

    async def send(self, questions: Questions) -> ConfigSaved:
        view = await questions.config(self.config)
        key = questions.credential.installation_key
        message = ConfigUpdate(
            config_id=view.config_id,
            expected_revision=self.revision or view.revision,
            fields=edits(self.wanted, view.config, key) if self.raw is None else None,
            text=None if self.raw is None else _one_record(transfer.prepare(self.raw, key, SYSTEM_IDS)),
            dry_run=self.dry_run,
        )
        return await questions.ask(message, ConfigSaved, config_id=view.config_id)


async def _history(questions: Questions, config: str) -> list[HistoryEntry]:
    entries: list[HistoryEntry] = []
    while True:
        before = entries[-1].revision if entries else None
        message = ConfigHistory(config=config, before_revision=before, limit=HISTORY_PAGE)
        page = await questions.ask(message, ConfigHistoryPage)
        entries += page.entries
        if not page.more or not page.entries:
            return entries


async def _origin(questions: Questions, template: str | None, copy_of: str | None) -> tuple[TokenConfig, str | None]:
    """Return what the new config starts from, and its id where that is another config."""
    if copy_of is not None:
        view = await questions.config(copy_of)
        return view.config, view.config_id
    page = await questions.ask(TemplateList(), TemplatePage)
    for one in page.templates:
        if template in (one.slug, one.name):
            return one.config, None
    raise NotThere(f"there is no template {template}: see `grantkeeper templates list`")


def _one_record(prepared: transfer.Prepared) -> str:
    if prepared.refused:
        raise WrongData(sentence_of(prepared.refused[0].findings[0]))
    if len(prepared.records) != 1:
        raise WrongData(
            f"the file holds {len(prepared.records)} token configs; for many use `grantkeeper config import`"
        )
    return prepared.records[0].text


def _print_saved(saved: ConfigSaved, output: FormatOption) -> None:
    if structured(saved, output):
        return
    facts(
        [
            ("token", saved.name),
            ("id", saved.config_id),
            ("revision", saved.revision),
            ("validity", saved.validity),
            ("deleted", saved.deleted or None),
            ("changed", saved.changed),
            ("new login", None if saved.new_login == "no" else saved.new_login),
        ]
    )
    for finding in saved.findings:
        note(f"{finding.level}: {sentence_of(finding)}")
    if saved.rewritten:
        note("note: the YAML was written anew; its comments are gone.")


def _print_view(view: ConfigView) -> None:
    facts(
        [
            ("token", view.name),
            ("id", view.config_id),
            ("former names", view.former_names),
            ("revision", view.revision),
            ("validity", view.config.validity),
            ("deleted", view.deleted or None),
            ("template", view.template),
            ("client id", view.config.client_id),
            ("client secret", "set" if view.client_secret_set else "not set"),
            ("created", f"{view.created_at:%Y-%m-%d %H:%MZ} by {view.created_by}"),
            ("changed", f"{view.changed_at:%Y-%m-%d %H:%MZ} by {view.changed_by}"),
        ]
    )
    for finding in view.findings:
        note(f"{finding.level}: {sentence_of(finding)}")
