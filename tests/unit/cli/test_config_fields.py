import pytest

from grantkeeper.cli.config_fields import Wanted, edits
from grantkeeper.cli.errors import WrongData
from grantkeeper.crypto.ring import VaultRing
from grantkeeper_client import open_for_installation
from schemas.token_config import Options, RequestBlock, TokenConfig

RING = VaultRing.new("r1")
KEY = RING.installation_public_jwk()
BASE = TokenConfig(
    name="Support",
    template="Example",
    client_id="app-1",
    requests={
        "TokenByAuthorizationCode": RequestBlock(url="https://idp.example.com/token", parameters={"a": "b"}),
        "TokenByRefreshToken": RequestBlock(url="https://idp.example.com/token"),
    },
    options=Options(mailbox_login="support@example.com", refresh_margin=60),
)


def opened(wanted: Wanted, client_id: str, host: str) -> str:
    sealed = edits(wanted, BASE, KEY).client_secret
    assert sealed is not None
    bound = {"client_id": client_id, "host": host}
    return open_for_installation(RING.installation_private_jwks(), sealed, use="client_secret", bound=bound)


def test_nothing_wanted_changes_nothing() -> None:
    assert edits(Wanted(), BASE, KEY).model_dump(exclude_none=True) == {"clear": ()}


def test_a_secret_is_sealed_for_the_client_and_host_there_are() -> None:
    assert opened(Wanted(client_secret="s"), "app-1", "idp.example.com") == "s"


def test_a_secret_is_sealed_for_the_client_and_host_there_will_be() -> None:
    """Else it would not open after the very change that it came with."""
    url = "TokenByRefreshToken=https://other.example.com:8443/t"
    assert opened(Wanted(client_secret="s", client_id="app-2", urls=[url]), "app-2", "other.example.com:8443") == "s"


def test_what_was_typed_is_not_shown() -> None:
    assert "planted" not in repr(Wanted(client_secret="planted"))


def test_an_address_changes_its_block_alone_and_the_rest_of_the_block_stays() -> None:
    changed = edits(Wanted(urls=["TokenByAuthorizationCode=https://new.example.com/t"]), BASE, KEY).requests
    assert changed == {"TokenByAuthorizationCode": RequestBlock(url="https://new.example.com/t", parameters={"a": "b"})}


def test_options_are_typed_and_the_others_stay() -> None:
    wanted = ["keep-alive-days=7", "pkce=false", "servers.imap=imap.example.com:993", "refresh_margin="]
    options = edits(Wanted(options=wanted), BASE, KEY).options
    assert options is not None
    assert (options.keep_alive_days, options.pkce, options.servers.imap) == (7, False, "imap.example.com:993")
    assert options.mailbox_login == "support@example.com"
    assert options.refresh_margin is None


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (Wanted(urls=["Nonsense=https://x"]), "there is no such request"),
        (Wanted(urls=["https://x"]), "write NAME=VALUE"),
        (Wanted(options=["nonsense=1"]), "there is no such option"),
        (Wanted(options=["refresh_margin=soon"]), "refresh_margin"),
        (Wanted(options=["refresh_margin=1"]), "refresh_margin"),
        (Wanted(options=["servers.ftp=x"]), "servers.ftp"),
        (Wanted(options=["pkce.x=1"]), "pkce"),
    ],
)
def test_an_option_that_is_none_is_named(wanted: Wanted, problem: str) -> None:
    with pytest.raises(WrongData, match=problem):
        edits(wanted, BASE, KEY)
