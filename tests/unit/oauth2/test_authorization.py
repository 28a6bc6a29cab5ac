"""The authorization URL: exact texts, written by hand."""

from urllib.parse import parse_qs, urlsplit

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from grantkeeper.oauth2.authorization import authorization_url, code_challenge
from schemas.token_config import Options, RequestBlock, TokenConfig

AUTOFILL = {"client_id": "ClientID", "redirect_uri": "RedirectURL", "scope": "Scope", "state": "State"}
CALLBACK = "https://grants.example.test/oauth2/callback/google-mail"


def config(
    block: RequestBlock | None = None, *, pkce: bool = False, extra: dict[str, str] | None = None
) -> TokenConfig:
    return TokenConfig(
        name="Support",
        template="Google Mail",
        client_id="unit test/id",
        scope="https://mail.google.com/ openid",
        requests={} if block is None else {"AuthorizationCode": block},
        extra=extra or {},
        options=Options(pkce=pkce),
    )


def url(block: RequestBlock | None, endpoint: str = "https://idp.example.test/auth", **options: str) -> str:
    return authorization_url(config(block, extra=options), endpoint=endpoint, state="s-1", redirect_uri=CALLBACK)


def test_parameters_are_sorted_and_percent_encoded() -> None:
    block = RequestBlock(parameters={"response_type": "code", "access_type": "offline"}, autofill=AUTOFILL)
    assert url(block) == (
        "https://idp.example.test/auth?access_type=offline&client_id=unit%20test%2Fid"
        "&redirect_uri=https%3A%2F%2Fgrants.example.test%2Foauth2%2Fcallback%2Fgoogle-mail"
        "&response_type=code&scope=https%3A%2F%2Fmail.google.com%2F%20openid&state=s-1"
    )


def test_without_a_block_the_standard_parameters_are_sent() -> None:
    assert url(None) == (
        "https://idp.example.test/auth?client_id=unit%20test%2Fid"
        "&redirect_uri=https%3A%2F%2Fgrants.example.test%2Foauth2%2Fcallback%2Fgoogle-mail"
        "&response_type=code&scope=https%3A%2F%2Fmail.google.com%2F%20openid&state=s-1"
    )


def test_an_existing_query_is_kept_without_what_we_set_ourselves() -> None:
    text = url(None, "https://idp.example.test/auth?policy=b2c%201&state=forged&empty=")
    assert text.startswith("https://idp.example.test/auth?policy=b2c%201&empty=&client_id=")
    assert parse_qs(urlsplit(text).query)["state"] == ["s-1"]


def test_an_autofilled_parameter_wins_over_a_fixed_one_and_text_is_utf_8() -> None:
    block = RequestBlock(parameters={"hint": "fixed"}, autofill={**AUTOFILL, "hint": "Hint"})
    assert "hint=J%C3%B6rg%20%26%20Co" in url(block, Hint="Jörg & Co")


def test_a_key_of_the_config_wins_over_the_request_but_never_over_the_state() -> None:
    block = RequestBlock(parameters={"state": "fixed"}, autofill={**AUTOFILL, "flow": "AuthFlow"})
    assert "state=s-1" in url(block, State="forged")
    assert "flow=AuthorizationCode" in url(block)


def test_the_state_is_sent_whatever_the_mapping_forgets() -> None:
    block = RequestBlock(parameters={"state": "fixed"}, autofill={"client_id": "ClientID"})
    query = parse_qs(urlsplit(url(block)).query)
    assert query["state"] == ["s-1"]
    assert query["redirect_uri"] == [CALLBACK]
    assert query["response_type"] == ["code"]


def test_a_renamed_state_is_not_sent_twice() -> None:
    query = parse_qs(urlsplit(url(RequestBlock(autofill={"st": "State"}))).query)
    assert query["st"] == ["s-1"]
    assert "state" not in query


def test_a_secret_never_stands_in_the_address() -> None:
    block = RequestBlock(autofill={**AUTOFILL, "client_secret": "ClientSecret", "token": "RefreshToken"})
    query = parse_qs(urlsplit(url(block)).query)
    assert "client_secret" not in query
    assert "token" not in query


def test_a_source_that_resolves_to_nothing_is_left_out() -> None:
    assert "login_hint" not in url(RequestBlock(autofill={**AUTOFILL, "login_hint": "LoginHint"}))


def test_pkce_sends_the_challenge_of_rfc_7636_appendix_b() -> None:
    verifier = SecretStr("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    assert code_challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    text = authorization_url(
        config(pkce=True),
        endpoint="https://idp.example.test/auth",
        state="s",
        redirect_uri=CALLBACK,
        code_verifier=verifier,
    )
    assert "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256&" in text
    assert "dBjft" not in text


def test_pkce_can_be_turned_off_for_providers_that_refuse_it() -> None:
    text = authorization_url(
        config(pkce=False),
        endpoint="https://x.test/",
        state="s",
        redirect_uri=CALLBACK,
        code_verifier=SecretStr("v" * 43),
    )
    assert "code_challenge" not in text


def test_a_login_hint_is_added_but_the_configs_own_hint_wins() -> None:
    def hinted(block: RequestBlock | None) -> dict[str, list[str]]:
        text = authorization_url(
            config(block),
            endpoint="https://x.test/",
            state="s",
            redirect_uri=CALLBACK,
            login_hint="a@example.test",
        )
        return parse_qs(urlsplit(text).query)

    assert hinted(None)["login_hint"] == ["a@example.test"]
    assert hinted(RequestBlock(parameters={"login_hint": "b@example.test"}))["login_hint"] == ["b@example.test"]


@given(st.dictionaries(st.text(min_size=1), st.text(min_size=1), max_size=5), st.text(min_size=1))
def test_any_parameter_arrives_as_it_was_meant(parameters: dict[str, str], state: str) -> None:
    encodable = {n: v for n, v in parameters.items() if _encodable(n) and _encodable(v)}
    state = state if _encodable(state) else "s"
    text = authorization_url(
        config(RequestBlock(parameters=encodable)), endpoint="https://x.test/a", state=state, redirect_uri=CALLBACK
    )
    query = parse_qs(urlsplit(text).query, keep_blank_values=True, strict_parsing=True)
    assert {name: values[0] for name, values in query.items()} == {
        "client_id": "unit test/id",
        "response_type": "code",
        **encodable,
        "redirect_uri": CALLBACK,
        "state": state,
    }


def _encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
