"""The command line that gives the provider its orders, run as a person runs it."""

import json
import subprocess
import sys

import pytest
import requests

from devstack.provider.server import ProviderThread
from devstack.provider.settings import DEMO_CLIENT_ID
from tests.partners.assertion import signed
from tests.partners.panva import SIGNING_CLIENT_ID

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def control(provider: ProviderThread, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "devstack.provider.control", "--url", provider.base_url, *words]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)


def ask(provider: ProviderThread, realm: str = "strict") -> requests.Response:
    form = {"grant_type": "refresh_token", "refresh_token": "made-up", "client_id": DEMO_CLIENT_ID}
    return requests.post(f"{provider.issuer(realm)}/token", form, timeout=5)


def test_the_next_requests_of_a_realm_fail_as_ordered(provider: ProviderThread) -> None:
    ordered = control(provider, *["fail", "--realm", "strict", "--next", "3", "--status", "503", "--retry-after", "20"])
    assert ordered.returncode == 0, ordered.stderr
    assert ask(provider, "google").status_code != 503
    answers = [ask(provider) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [503, 503, 503, 401]
    assert answers[0].headers["retry-after"] == "20"


def test_odd_answers_and_headers_are_ordered_too(provider: ProviderThread) -> None:
    words = [
        "fail",
        "--next",
        "1",
        "--set",
        "expires_in=0",
        "--set",
        "token_type=bearer",
        "--drop",
        "scope",
        "--header",
    ]
    ordered = control(provider, *words, "x-request-id: 7")
    assert json.loads(ordered.stdout)["fault"] == {
        "next": 1,
        "headers": {"x-request-id": "7"},
        "change": {"expires_in": 0, "token_type": "bearer"},
        "drop": ["scope"],
    }


def test_what_goes_wrong_is_said_in_one_line(provider: ProviderThread) -> None:
    for words, says in (
        (["fail", "--named", "microsoft:1"], "named: Value error, no bad answer is called 'microsoft:1'"),
        (["fail", "--realm", "nowhere", "--status", "500"], "no realm 'nowhere'; there are google, microsoft"),
        (["set", "--realm", "strict", "access_token_life=-1"], "access_token_life: Input should be greater than 0"),
        (["set", "--realm", "strict", "access_token_life"], "is not of the form name=value"),
    ):
        failed = control(provider, *words)
        assert failed.returncode != 0
        assert says in failed.stderr
        assert "Traceback" not in failed.stderr


def test_without_a_provider_it_says_how_to_start_one() -> None:
    command = [sys.executable, "-m", "devstack.provider.control", "--url", "http://127.0.0.1:1", "faults"]
    failed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert failed.returncode == 1
    assert failed.stderr.startswith("no provider answers there; start it with `python -m devstack.provider`")


def test_lives_grants_secrets_and_the_journal_are_within_reach(provider: ProviderThread) -> None:
    tokens = provider.control.mint("strict", ["alice@example.test"], client_id=DEMO_CLIENT_ID)[0]
    assert control(provider, "set", "--realm", "strict", "access_token_life=5").returncode == 0
    assert control(provider, "secret", DEMO_CLIENT_ID, "--new", "changed").returncode == 0
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": DEMO_CLIENT_ID}
    refreshed = requests.post(f"{provider.issuer('strict')}/token", form | {"client_secret": "changed"}, timeout=5)
    assert refreshed.json()["expires_in"] == 5
    assert json.loads(control(provider, "journal").stdout)[-1]["outcome"] == "ok"
    judged = {"requests": 1, "still_open": [], "overlapping": [], "lost": [], "sent_again": []}
    assert json.loads(control(provider, "verdict", "--realm", "strict").stdout) == judged
    assert control(provider, "revoke", "--realm", "strict").stdout == "revoked 1 grants\n"
    assert json.loads(control(provider, "grants").stdout)[0]["revoked_by"] == "user"
    assert control(provider, "expire", "--realm", "strict").stdout == "expired 4 tokens\n"
    assert control(provider, "clear").stdout == "cleared 0\n"


def test_a_service_account_gets_a_mailboxes_token_for_a_signed_assertion(provider: ProviderThread) -> None:
    """RFC 7523 section 2.1, as Google's domain-wide delegation has it."""
    claims = {"iss": SIGNING_CLIENT_ID, "sub": "bob@example.test", "scope": "mail.imap"}
    endpoint = f"{provider.issuer('google')}/token"
    form = {"grant_type": JWT_BEARER, "assertion": signed(claims | {"aud": endpoint})}
    tokens = requests.post(endpoint, form, timeout=5).json()
    assert "refresh_token" not in tokens
    about = requests.get(
        f"{provider.issuer('google')}/userinfo",
        headers={"authorization": f"Bearer {tokens['access_token']}"},
        timeout=5,
    )
    assert about.json()["email"] == "bob@example.test"


@pytest.mark.parametrize("age", [7200, -7200])
def test_an_assertion_of_another_time_is_refused_as_google_does(provider: ProviderThread, age: int) -> None:
    endpoint = f"{provider.issuer('google')}/token"
    claims = {"iss": SIGNING_CLIENT_ID, "sub": "bob@example.test", "aud": endpoint}
    refused = requests.post(endpoint, {"grant_type": JWT_BEARER, "assertion": signed(claims, age=age)}, timeout=5)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
