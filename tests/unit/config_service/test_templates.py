from pathlib import Path

import pytest

from grantkeeper.process.settings import SettingsError
from services.config_service.domain.values import Refusal
from services.config_service.templates import Template, Templates

SHIPPED = Path(__file__).parents[3] / "templates"
TEMPLATE = """
Name: {name}
Config:
  Scope: mail
  Requests:
    TokenByClientCredentials:
      Request:
        URL: https://idp.example.test/token
        Parameters: {{grant_type: client_credentials}}
        AutofilledParametersMapping: {{client_id: ClientID, client_secret: ClientSecret, scope: Scope}}
      Response:
        ParametersMapping: {{access_token: Token, expires_in: TokenExpirationDate}}
"""


def test_the_shipped_templates_load_and_say_what_is_left_to_fill_in() -> None:
    views = {view.slug: view for view in Templates.load(SHIPPED).views()}
    assert len(views) >= 6
    assert views["google-mail"].needs == ("client_id", "client_secret")
    assert views["openid-connect"].needs == ("client_id", "client_secret", "options.issuer")
    assert views["openid-connect"].redirect_slug == "openid-connect", "its hash is known with the issuer only"
    assert all(view.config.template == view.name for view in views.values())


def test_a_template_is_found_by_slug_and_by_name(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(TEMPLATE.format(name="The one"))
    templates = Templates.load(tmp_path)
    found = templates.find("one")
    assert isinstance(found, Template)
    assert templates.find(" the  ONE ") == found


@pytest.mark.parametrize("reference", ["../../etc/passwd", "", "one.yaml", "two"])
def test_anything_else_is_refused_with_what_there_is(tmp_path: Path, reference: str) -> None:
    (tmp_path / "one.yaml").write_text(TEMPLATE.format(name="The one"))
    refused = Templates.load(tmp_path).find(reference)
    assert isinstance(refused, Refusal)
    assert refused.details[0].cure == "Choose one of one."


def test_a_folder_without_templates_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"GRANTKEEPER_TEMPLATES_DIR: .* holds no \*\.yaml: mount the folder"):
        Templates.load(tmp_path)


def test_a_template_that_is_wrong_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("Name: x\nConfig: [\n")
    with pytest.raises(SettingsError, match=r"bad\.yaml: line \d+"):
        Templates.load(tmp_path)


def test_two_templates_of_one_name_are_refused(tmp_path: Path) -> None:
    for stem in ("a", "b"):
        (tmp_path / f"{stem}.yaml").write_text(TEMPLATE.format(name="Same"))
    with pytest.raises(SettingsError, match="another template has the same Name"):
        Templates.load(tmp_path)
