"""What only a moved clock or a restarted process shows: lives, graces, consents, and what is kept."""

import base64
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from devstack.login import FormReader, LoginFailed, log_in
from devstack.provider.faults import Fault
from devstack.provider.server import ProviderThread
from devstack.provider.settings import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET
from tests.conftest import ENVIRONMENT
from tests.partners.fixtures import provider_settings
from tests.partners.partner import Pkce
from tests.partners.stub import Stub, start_stub

ALICE = "alice@example.test"
REDIRECT_URI = "http://127.0.0.1:18081/oauth2/callback/local"


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def moved(clock: Hand) -> Iterator[ProviderThread]:
    with ProviderThread(provider_settings(), clock) as provider:
        yield provider


def post(base_url: str, realm: str, form: dict[str, str]) -> requests.Response:
    client = {"client_id": DEMO_CLIENT_ID, "client_secret": DEMO_CLIENT_SECRET}
    return requests.post(f"{base_url}/{realm}/token", client | form, timeout=10)


def refresh(provider: ProviderThread | Stub, realm: str, refresh_token: str) -> requests.Response:
    return post(provider.base_url, realm, {"grant_type": "refresh_token", "refresh_token": refresh_token})


def mint(provider: ProviderThread | Stub, realm: str, login: str = ALICE) -> dict[str, Any]:
    return provider.control.mint(realm, [login], client_id=DEMO_CLIENT_ID)[0]


def authorization_url(provider: ProviderThread, realm: str, pkce: Pkce, **more: str) -> str:
    query = {
        "response_type": "code",
        "client_id": DEMO_CLIENT_ID,
        "redirect_uri": REDIRECT_URI,
        "scope": "openid email mail.imap",
        "state": "s",
        "code_challenge": pkce.challenge,
        "code_challenge_method": "S256",
    }
    return f"{provider.issuer(realm)}/authorize?{urlencode(query | more)}"


def authorize(provider: ProviderThread, realm: str, **more: str) -> requests.Response:
    pkce = Pkce.new()
    redirect = log_in(authorization_url(provider, realm, pkce, **more), login=ALICE)
    form = {
        "grant_type": "authorization_code",
        "code": parse_qs(urlsplit(redirect).query)["code"][0],
        "redirect_uri": REDIRECT_URI,
        "code_verifier": pkce.verifier,
    }
    return post(provider.base_url, realm, form)


def test_an_access_token_ends_at_its_time(moved: ProviderThread, clock: Hand) -> None:
    token = mint(moved, "strict")["access_token"]

    def email() -> int:
        headers = {"authorization": f"Bearer {token}"}
        return requests.get(f"{moved.issuer('strict')}/userinfo", headers=headers, timeout=5).status_code

    clock.now += 299
    assert email() == 200
    clock.now += 1
    assert email() == 401


def test_a_code_ends_at_its_time(moved: ProviderThread, clock: Hand) -> None:
    pkce = Pkce.new()
    redirect = log_in(authorization_url(moved, "microsoft", pkce), login=ALICE)
    code = parse_qs(urlsplit(redirect).query)["code"][0]
    clock.now += 60
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
    answered = post(moved.base_url, "microsoft", form | {"code_verifier": pkce.verifier})
    assert (answered.json()["error"], answered.json()["error_codes"]) == ("invalid_grant", [70008])


@pytest.mark.parametrize(
    ("status", "slides"), [(200, {"refresh_token_life_slides": True}), (400, {"refresh_token_life_slides": False})]
)
def test_a_refresh_tokens_life_starts_anew_or_not_as_the_realm_says(
    moved: ProviderThread, clock: Hand, status: int, slides: dict[str, bool]
) -> None:
    for realm in ("google", "microsoft", "strict"):
        moved.control.change_realm(realm, refresh_token_life=100, **slides)
        first = mint(moved, realm)["refresh_token"]
        clock.now += 60
        newer = refresh(moved, realm, first).json().get("refresh_token", first)
        clock.now += 60
        assert refresh(moved, realm, newer).status_code == status, realm


def test_the_grace_ends_and_then_reuse_ends_the_family(moved: ProviderThread, clock: Hand) -> None:
    first = mint(moved, "grace")["refresh_token"]
    newer = refresh(moved, "grace", first).json()
    clock.now += 29
    assert refresh(moved, "grace", first).json()["refresh_token"] == newer["refresh_token"]
    clock.now += 1
    assert refresh(moved, "grace", first).json()["error"] == "invalid_grant"
    assert refresh(moved, "grace", newer["refresh_token"]).json()["error"] == "invalid_grant"


def test_google_gives_a_refresh_token_only_offline_and_with_a_consent_page(moved: ProviderThread) -> None:
    assert "refresh_token" not in authorize(moved, "google").json()  # online
    moved.control.revoke("google")
    assert "refresh_token" in authorize(moved, "google", access_type="offline").json()  # the first consent
    assert "refresh_token" not in authorize(moved, "google", access_type="offline").json()  # consent was there
    again = authorize(moved, "google", access_type="offline", prompt="consent").json()
    assert "refresh_token" in again
    assert "refresh_token" not in refresh(moved, "google", again["refresh_token"]).json()


def test_microsoft_gives_a_refresh_token_only_for_the_scope_that_asks_for_it(moved: ProviderThread) -> None:
    assert "refresh_token" not in authorize(moved, "microsoft").json()
    asked = authorize(moved, "microsoft", scope="openid mail.imap offline_access").json()
    assert "refresh_token" in asked
    assert asked["ext_expires_in"] == asked["expires_in"]


def test_a_user_may_untick_a_scope(moved: ProviderThread) -> None:
    pkce = Pkce.new()
    redirect = log_in(authorization_url(moved, "google", pkce), login=ALICE, scopes=["openid"])
    assert parse_qs(urlsplit(redirect).query)["scope"] == ["openid"]


def test_the_id_token_names_the_account_and_the_nonce(moved: ProviderThread) -> None:
    token = authorize(moved, "strict", nonce="n0nce").json()["id_token"]
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert (claims["iss"], claims["aud"]) == (moved.issuer("strict"), DEMO_CLIENT_ID)
    assert (claims["email"], claims["nonce"]) == (ALICE, "n0nce")


def test_the_way_back_may_carry_an_error_or_a_wrong_issuer(moved: ProviderThread) -> None:
    moved.control.fail(Fault(endpoint="authorize", next=1, named="microsoft:65001"))
    moved.control.fail(
        Fault(endpoint="authorize", next=1, change={"iss": "https://evil.example.test"}, drop=("state",))
    )
    url = authorization_url(moved, "strict", Pkce.new())
    refused = parse_qs(urlsplit(log_in(url, login=ALICE)).query)
    assert (refused["error"], refused["state"]) == (["invalid_grant"], ["s"])
    assert refused["error_description"][0].startswith("AADSTS65001")
    assert "code" not in refused
    mixed_up = parse_qs(urlsplit(log_in(url, login=ALICE)).query)
    assert mixed_up["iss"] == ["https://evil.example.test"]
    assert "code" in mixed_up
    assert "state" not in mixed_up


def test_the_key_enter_says_yes_and_not_no(moved: ProviderThread) -> None:
    """A browser presses the first submit button of the form."""
    page = requests.get(authorization_url(moved, "strict", Pkce.new()), timeout=5)
    form = FormReader(page.text).form
    assert form is not None
    assert form.buttons[0] == ("decision", "allow")


def test_a_login_is_good_once(moved: ProviderThread) -> None:
    page = requests.get(authorization_url(moved, "strict", Pkce.new()), timeout=5)
    for decision, status in (("deny", 303), ("deny", 404)):
        answered = requests.post(page.url, {"decision": decision}, allow_redirects=False, timeout=5)
        assert answered.status_code == status


@pytest.mark.parametrize("login", ["", "nobody", "a@b@c", "<script>alert(1)</script>@x test"])
def test_only_a_mail_address_logs_in(moved: ProviderThread, login: str) -> None:
    with pytest.raises(LoginFailed):
        log_in(authorization_url(moved, "strict", Pkce.new()), login=login)


def test_what_a_client_sends_is_shown_as_text(moved: ProviderThread) -> None:
    hint = '"><script>alert(1)</script>'
    page = requests.get(authorization_url(moved, "strict", Pkce.new(), login_hint=hint), timeout=5)
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_grants_and_secrets_survive_a_killed_process(tmp_path: Path) -> None:
    data = tmp_path / "provider.db"
    stub = start_stub(tmp_path, ENVIRONMENT, data=data)
    try:
        first = mint(stub, "strict")
        newer = refresh(stub, "strict", first["refresh_token"]).json()
        stub.control.replace_secrets(DEMO_CLIENT_ID, "another-secret", DEMO_CLIENT_SECRET)
        stub.child.signal(signal.SIGKILL)
    finally:
        stub.child.stop()
    again = start_stub(tmp_path, ENVIRONMENT, data=data)
    try:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": newer["refresh_token"],
            "client_secret": "another-secret",
        }
        newest = post(again.base_url, "strict", form)
        assert newest.status_code == 200
        assert (
            refresh(again, "strict", first["refresh_token"]).json()["error"] == "invalid_grant"
        )  # reuse is still seen
        assert refresh(again, "strict", newest.json()["refresh_token"]).json()["error"] == "invalid_grant"
    finally:
        again.child.stop()
    assert newer["refresh_token"].encode() not in data.read_bytes()


def test_no_token_and_no_secret_is_in_the_log(tmp_path: Path) -> None:
    stub = start_stub(tmp_path, ENVIRONMENT)
    try:
        tokens = mint(stub, "microsoft")
        stub.control.fail(Fault(next=1, delivery="lost"))  # type: ignore[arg-type] # pydantic reads the word
        with pytest.raises(requests.ConnectionError):
            refresh(stub, "microsoft", tokens["refresh_token"])
        assert refresh(stub, "microsoft", "made-up").status_code == 400
        assert refresh(stub, "microsoft", tokens["refresh_token"]).status_code == 200
    finally:
        stub.child.stop()
    log = stub.child.log.read_text()
    assert not [text for text in (tokens["refresh_token"], DEMO_CLIENT_SECRET, "Traceback") if text in log]
