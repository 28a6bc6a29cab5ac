"""Faults on command, seen from a client's side of the socket; and the journal of what it asked."""

import http.client
import socket
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from devstack.provider.control_client import ControlRefused, ProviderControl
from devstack.provider.faults import Delivery, Fault
from devstack.provider.journal import Entry
from devstack.provider.records import fingerprint
from devstack.provider.server import ProviderThread
from devstack.provider.settings import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET
from tests.waiting import wait_until

ALICE = "alice@example.test"


class Client:
    """One mailbox's grant in a realm, refreshed by hand."""

    def __init__(self, provider: ProviderThread, realm: str = "strict") -> None:
        self.provider = provider
        self.realm = realm
        self.control: ProviderControl = provider.control
        self.tokens = provider.control.mint(realm, [ALICE], client_id=DEMO_CLIENT_ID)[0]

    def refresh(self, refresh_token: str | None = None, timeout: float = 10) -> requests.Response:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token or self.tokens["refresh_token"],
            "client_id": DEMO_CLIENT_ID,
            "client_secret": DEMO_CLIENT_SECRET,
        }
        return requests.post(f"{self.provider.issuer(self.realm)}/token", form, timeout=timeout)

    def entry(self) -> Entry:
        return self.control.journal(realm=self.realm)[-1]


@pytest.fixture
def client(provider: ProviderThread) -> Client:
    return Client(provider)


def test_a_status_with_retry_after_is_answered_without_touching_the_grant(client: Client) -> None:
    client.control.fail(Fault(realm="strict", next=1, status=503, retry_after="20"))
    failed = client.refresh()
    assert (failed.status_code, failed.headers["retry-after"]) == (503, "20")
    assert client.refresh().status_code == 200


def test_a_named_answer_comes_as_that_provider_words_it(client: Client) -> None:
    client.control.fail(Fault(next=1, named="microsoft:700082"))
    failed = client.refresh()
    assert failed.status_code == 400
    assert (failed.json()["error"], failed.json()["error_codes"]) == ("invalid_grant", [700082])
    assert failed.json()["suberror"] == "bad_token"


def test_a_proxys_page_comes_as_html(client: Client) -> None:
    client.control.fail(Fault(next=1, named="proxy:bad_gateway"))
    failed = client.refresh()
    assert (failed.status_code, failed.headers["content-type"]) == (502, "text/html; charset=utf-8")


def test_an_error_after_the_work_was_done_has_spent_the_refresh_token(client: Client) -> None:
    client.control.fail(Fault(next=1, status=502, processed=True))
    assert client.refresh().status_code == 502
    assert client.refresh().json()["error"] == "invalid_grant"


def test_a_lost_answer_closes_the_connection_after_the_token_was_spent(client: Client) -> None:
    client.control.fail(Fault(next=1, delivery=Delivery.LOST))
    with pytest.raises(requests.ConnectionError):
        client.refresh()
    entry = client.entry()
    assert (entry.ending, entry.processed, entry.outcome) == ("lost", True, "ok")
    assert client.refresh().json()["error"] == "invalid_grant"


def test_half_an_answer_is_no_answer_for_a_client_that_counts(client: Client) -> None:
    client.control.fail(Fault(next=1, delivery=Delivery.HALF))
    connection = http.client.HTTPConnection(client.provider.base_url.removeprefix("http://"), timeout=10)
    connection.request("POST", "/strict/token", "grant_type=x", {"content-type": "application/x-www-form-urlencoded"})
    with pytest.raises(http.client.IncompleteRead) as short:
        connection.getresponse().read()
    connection.close()
    assert short.value.partial
    assert client.entry().ending == "half"


async def test_an_endless_answer_goes_on_until_the_client_gives_up(client: Client) -> None:
    client.control.fail(Fault(next=1, delivery=Delivery.ENDLESS))
    address = client.provider.base_url.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1])), timeout=10) as connection:
        connection.sendall(b"POST /strict/token HTTP/1.1\r\nhost: x\r\ncontent-length: 12\r\n\r\ngrant_type=x")
        received = b""
        while len(received) < 20_000:
            received += connection.recv(65536)
        assert client.entry().is_open
    await wait_until(lambda: client.entry().ending == "endless")


async def test_a_delayed_answer_is_open_in_the_journal_until_it_leaves(client: Client) -> None:
    order = client.control.fail(Fault(next=1, delay=30))
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.refresh, None, 0.3)
        await wait_until(lambda: client.control.journal(only_open=True))
        open_entry = client.control.journal(only_open=True)[0]
        assert (open_entry.fault, open_entry.processed) == (order.id, True)
        assert open_entry.secret == fingerprint(client.tokens["refresh_token"])
        assert isinstance(answer.exception(), requests.ReadTimeout)
    await wait_until(lambda: not client.control.journal(only_open=True))
    assert client.entry().ending == "client_gone"


def test_the_journal_names_who_calls_through_the_provider_as_a_proxy(client: Client) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": client.tokens["refresh_token"]}
    for name in ("life-1", "life-2"):
        proxy = client.provider.base_url.replace("http://", f"http://{name}:any@")
        requests.post(f"{client.provider.issuer('strict')}/token", form, proxies={"http": proxy}, timeout=5)
    client.refresh()
    assert [entry.caller for entry in client.control.journal()] == ["life-1", "life-2", None]


async def test_a_slow_realm_answers_late(client: Client) -> None:
    client.control.change_realm("strict", answer_after=0.3)
    assert client.refresh().elapsed.total_seconds() >= 0.3


async def test_a_delay_holds_up_nobody_else(client: Client) -> None:
    other = Client(client.provider, "grace")
    client.control.fail(Fault(realm="strict", next=1, delay=30))
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(client.refresh, None, 1.0)
        await wait_until(lambda: client.control.journal(realm="strict", only_open=True))
        assert other.refresh().status_code == 200
        assert client.control.journal(realm="strict", only_open=True)
        assert isinstance(held.exception(), requests.ReadTimeout)


@pytest.mark.parametrize(
    "value", ["300", 0, -1, 299.5, 10**12, None, "soon"], ids=lambda value: f"expires_in={value!r}"
)
def test_expires_in_may_be_anything(client: Client, value: Any) -> None:
    client.control.fail(Fault(next=1, change={"expires_in": value}))
    assert client.refresh().json()["expires_in"] == value


def test_fields_may_be_missing_from_a_good_answer(client: Client) -> None:
    client.control.fail(Fault(next=1, drop=("expires_in", "access_token")))
    answered = client.refresh()
    assert answered.status_code == 200
    assert not {"expires_in", "access_token"} & set(answered.json())
    assert "refresh_token" in answered.json()


def test_the_living_access_token_may_come_again(client: Client) -> None:
    client.control.fail(Fault(next=1, same_access_token=True))
    answered = client.refresh().json()
    assert answered["access_token"] == client.tokens["access_token"]
    assert answered["refresh_token"] != client.tokens["refresh_token"]


def test_a_refresh_token_may_stay_once_though_the_realm_rotates(client: Client) -> None:
    client.control.fail(Fault(next=1, no_rotation=True))
    assert "refresh_token" not in client.refresh().json()
    assert client.entry().issued is None
    answered = client.refresh()
    assert answered.status_code == 200
    assert client.entry().issued == fingerprint(answered.json()["refresh_token"])


def test_retry_after_may_be_a_date_from_now_on(client: Client) -> None:
    client.control.fail(Fault(next=1, status=429, retry_after_date=90))
    answered = client.refresh()
    until, since = (parsedate_to_datetime(answered.headers[name]) for name in ("retry-after", "date"))
    assert 88 <= (until - since).total_seconds() <= 91


def test_a_narrower_scope_is_really_granted(client: Client) -> None:
    client.control.fail(Fault(next=1, scope="offline_access"))
    assert client.refresh().json()["scope"] == "offline_access"


def test_revoking_as_the_user_ends_the_grant_and_says_so_in_the_providers_words(provider: ProviderThread) -> None:
    google, microsoft = Client(provider, "google"), Client(provider, "microsoft")
    assert provider.control.revoke("google", login=ALICE) == 1
    provider.control.revoke("microsoft")
    assert google.refresh().json() == {
        "error": "invalid_grant",
        "error_description": "Token has been expired or revoked.",
    }
    assert microsoft.refresh().json()["error_codes"] == [50173]
    assert [grant["revoked_by"] for grant in provider.control.grants("google")] == ["user"]


def test_a_new_client_secret_ends_the_old_one_and_two_may_overlap(client: Client) -> None:
    client.control.replace_secrets(DEMO_CLIENT_ID, "new-secret", DEMO_CLIENT_SECRET)
    first = client.refresh()
    assert first.status_code == 200
    client.control.replace_secrets(DEMO_CLIENT_ID, "new-secret")
    refused = client.refresh(first.json()["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


def test_everything_expires_on_command(client: Client) -> None:
    assert client.control.expire("strict") == 2
    assert client.refresh().json()["error"] == "invalid_grant"


def test_lives_change_while_it_runs(client: Client) -> None:
    client.control.change_realm("strict", access_token_life=7, refresh_token_life=60, announce_refresh_life=True)
    answered = client.refresh().json()
    assert answered["expires_in"] == 7
    assert answered["refresh_token_expires_in"] == 60


def test_an_access_token_may_be_as_long_as_one_likes(client: Client) -> None:
    client.control.change_realm("strict", access_token_length=100_000)
    assert len(client.refresh().json()["access_token"]) == 100_000


@pytest.mark.parametrize(
    ("order", "says"),
    [
        (lambda control: control.change_realm("strict", access_token_life=0), "access_token_life: "),
        (lambda control: control.change_realm("nowhere", grace=5), "no realm 'nowhere'; there are google"),
        (lambda control: control.fail(Fault(realm="nowhere", status=500)), "no realm 'nowhere'"),
        (lambda control: control.expire("strict", "everything"), "what: "),
    ],
    ids=["wrong value", "unknown realm", "fault for an unknown realm", "unknown word"],
)
def test_a_wrong_order_is_refused_with_its_reason(client: Client, order: Any, says: str) -> None:
    with pytest.raises(ControlRefused, match=says):
        order(client.control)


def test_a_web_page_cannot_give_orders(client: Client) -> None:
    """A form or a fetch without preflight cannot send application/json."""
    url = f"{client.provider.base_url}/_control/revoke"
    sent = requests.post(url, data='{"realm": "strict"}', headers={"content-type": "text/plain"}, timeout=5)
    assert sent.status_code == 400
    assert client.refresh().status_code == 200


def test_the_journal_shows_no_secret(client: Client) -> None:
    newer = client.refresh().json()
    shown = requests.get(f"{client.provider.base_url}/_control/journal", timeout=5).text
    secrets = (client.tokens["refresh_token"], newer["refresh_token"], newer["access_token"], DEMO_CLIENT_SECRET)
    assert not [secret for secret in secrets if secret in shown]
    assert fingerprint(client.tokens["refresh_token"]) in shown
