"""Where the browser comes back, and what it may bring."""

import pytest

from grantkeeper.oauth2.redirect import MalformedRedirect, read_redirect, redirect_uri, slugify
from schemas.token_config import Options, RequestBlock, TokenConfig

PUBLIC = "https://grants.example.test/base/"
GOOGLE = {
    "AuthorizationCode": RequestBlock(url="https://accounts.google.com/o/oauth2/v2/auth"),
    "TokenByAuthorizationCode": RequestBlock(url="https://oauth2.googleapis.com/token"),
}


def config(
    template: str = "Google Mail",
    issuer: str | None = None,
    slug: str | None = None,
    blocks: dict[str, RequestBlock] | None = None,
) -> TokenConfig:
    return TokenConfig.model_validate(
        {
            "name": "x",
            "template": template,
            "requests": blocks or {},
            "options": Options(issuer=issuer, redirect_slug=slug),
        }
    )


def test_a_public_provider_has_one_redirect_uri_per_template() -> None:
    assert redirect_uri(config(blocks=GOOGLE), PUBLIC) == "https://grants.example.test/base/oauth2/callback/google-mail"
    microsoft = config("Microsoft Outlook (common)", "https://login.microsoftonline.com/common/v2.0")
    assert redirect_uri(microsoft, PUBLIC).endswith("/oauth2/callback/microsoft-outlook-common")


def test_an_issuer_of_ones_own_adds_its_hash() -> None:
    one = redirect_uri(config("OpenID Connect", "https://login.example.test/realms/a"), PUBLIC)
    other = redirect_uri(config("OpenID Connect", "https://login.example.test/realms/b"), PUBLIC)
    assert one == "https://grants.example.test/base/oauth2/callback/openid-connect-4a47c50e"
    assert other != one


def test_a_token_address_moved_elsewhere_does_not_keep_the_providers_redirect_uri() -> None:
    moved = {**GOOGLE, "TokenByAuthorizationCode": RequestBlock(url="https://evil.example.test/token")}
    assert redirect_uri(config(blocks=moved), PUBLIC) != redirect_uri(config(blocks=GOOGLE), PUBLIC)
    assert redirect_uri(config(slug="google-mail", blocks=moved), PUBLIC) != redirect_uri(config(blocks=GOOGLE), PUBLIC)


def test_a_redirect_url_in_the_config_wins() -> None:
    pinned = TokenConfig(name="x", template="t", extra={"RedirectURL": "http://localhost:8080/cb"})
    assert redirect_uri(pinned, PUBLIC) == "http://localhost:8080/cb"


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Google Mail", "google-mail"),
        ("Microsoft Outlook (common)", "microsoft-outlook-common"),
        ("  Größe! ", "groe"),
        ("日本", "template"),
    ],
)
def test_a_template_name_becomes_a_slug(name: str, slug: str) -> None:
    assert slugify(name) == slug


@pytest.mark.parametrize(
    "address",
    [
        "code=c-1&state=s-1&iss=https%3A%2F%2Faccounts.google.com&scope=x&authuser=0",
        "/oauth2/callback/x?code=c-1&state=s-1&iss=https%3A%2F%2Faccounts.google.com",
        " https://grants.example.test/cb?state=s-1&code=c-1&iss=https%3A%2F%2Faccounts.google.com \n",
        "http://localhost/#code=c-1&state=s-1&iss=https%3A%2F%2Faccounts.google.com",
    ],
)
def test_a_query_a_path_or_a_pasted_address_is_read(address: str) -> None:
    answer = read_redirect(address)
    assert answer.code is not None
    assert (answer.code.get_secret_value(), answer.state, answer.iss) == ("c-1", "s-1", "https://accounts.google.com")
    assert "c-1" not in repr(answer)


def test_an_error_is_read_with_its_words() -> None:
    answer = read_redirect("error=access_denied&error_description=no+thanks&state=s&error_subtype=x")
    assert (answer.error, answer.error_description, answer.error_subtype) == ("access_denied", "no thanks", "x")
    assert answer.code is None


def test_names_of_the_configs_mapping_are_read_too() -> None:
    mapped = config(
        blocks={"AuthorizationCode": RequestBlock(response={"auth_code": "AuthorizationCode", "ctx": "State"})}
    )
    answer = read_redirect("auth_code=c&ctx=s", mapped)
    assert answer.code is not None
    assert answer.state == "s"


@pytest.mark.parametrize("address", ["", "https://grants.example.test/cb", "foo=bar", "state=s", "code=&state=s"])
def test_an_address_without_an_answer_is_refused(address: str) -> None:
    with pytest.raises(MalformedRedirect):
        read_redirect(address)


@pytest.mark.parametrize("address", ["code=a&code=b&state=s", "code=a&state=s&state=t", "code=a&iss=x&iss=y"])
def test_a_doubled_parameter_is_refused(address: str) -> None:
    with pytest.raises(MalformedRedirect, match="twice"):
        read_redirect(address)


@pytest.mark.parametrize("address", ["https://[x/?code=a&state=b", "code=a&" + "&".join(f"f{n}=1" for n in range(60))])
def test_an_address_that_no_provider_sends_is_refused_in_words(address: str) -> None:
    with pytest.raises(MalformedRedirect, match="copy the whole address"):
        read_redirect(address)
