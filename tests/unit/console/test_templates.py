"""The page of templates: what each provider wants before the first token."""

from httpx import AsyncClient

from schemas.config_commands import TemplateList
from schemas.token_config import Options
from tests.console_double import AnsweringBus
from tests.console_samples import config, template, templates


async def test_each_says_what_to_do_at_its_provider(admin: AsyncClient, bus: AnsweringBus) -> None:
    own = config(name="Own", options=Options(discovery=True, setup_hint="Ask your admin."))
    bus.answers[TemplateList] = templates(template(), template(slug="own", name="Own", config=own))
    text = (await admin.get("/templates")).text
    assert "Create an OAuth client of type Web." in text
    assert 'value="http://127.0.0.1:8090/oauth2/callback/google-mail"' in text
    assert "Ask your admin." in text
    assert text.count("/oauth2/callback/") == 1, "an issuer of one's own is not known yet"


async def test_without_templates_the_page_says_where_they_belong(viewer: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers[TemplateList] = templates().model_copy(update={"templates": ()})
    assert "Put YAML files into templates/" in (await viewer.get("/templates")).text
