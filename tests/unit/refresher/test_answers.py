"""What goes out with an access token is what the contract's model of it says, field by field."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from grantkeeper.bus.received import ReplyTo
from grantkeeper.crypto.at_rest import AtRest
from grantkeeper.crypto.ring import VaultRing
from grantkeeper_client import format_time, open_for_principal
from schemas.token_requests import AccessTokenView
from services.refresher.answers import Answers
from services.refresher.domain.record import Servable
from services.refresher.secrets_at_rest import Secrets

CONFIG_ID = "01900000-0000-7000-8000-000000000001"
NOW = datetime(2030, 1, 1, 8, 0, 0, 123000, tzinfo=UTC)
ASKER = ReplyTo("mail", 1, "r1", "c1")


def found(secrets: Secrets, **fields: Any) -> Servable:
    values: dict[str, Any] = {
        "config_id": CONFIG_ID,
        "name": "Support",
        "former_names": (),
        "revision": 4,
        "validity": "valid",
        "deleted": False,
        "purged": False,
        "state": "authorized",
        "generation": 7,
        "access_token": secrets.keep_access_token(CONFIG_ID, SecretStr("the access token")),
        "obtained_at": NOW,
        "expires_at": NOW + timedelta(hours=1),
        "account": None,
        "mailbox_login": None,
        "mechanism": "OAUTHBEARER",
        "servers": {"imap": "imap.example.test:993"},
    }
    return Servable(**values | fields)


@pytest.mark.parametrize(
    ("account", "mailbox_login", "user"),
    [(None, None, None), ("somebody", None, "somebody"), ("somebody", "shared@example.test", "shared@example.test")],
)
def test_an_access_token_goes_out_as_its_model_says(
    account: str | None, mailbox_login: str | None, user: str | None
) -> None:
    ring = VaultRing.new("r1")
    secrets = Secrets(AtRest(ring), ring.fingerprint)
    servable = found(secrets, account=account, mailbox_login=mailbox_login)
    reply = Answers(ring, secrets).access_token(servable, ASKER, renamed=True)
    assert reply.result is not None
    view = AccessTokenView.model_validate_json(reply.model_dump_json(include={"result"})[len('{"result":') : -1])
    bound = {
        "config_id": CONFIG_ID,
        "generation": "7",
        "expires_at": format_time(view.expires_at),
        "correlation_id": "c1",
    }
    key = ring.principal_sealing_key("mail", 1, "r1")
    assert open_for_principal(key, view.access_token, bound=bound) == "the access token"
    assert (view.name, view.renamed, view.revision, view.user) == ("Support", True, 4, user)
    assert (view.mechanism, view.servers.imap) == ("OAUTHBEARER", "imap.example.test:993")
    assert view.expires_at == servable.expires_at
    assert ("user" in reply.result) is (user is not None), "what is not there is left out"
