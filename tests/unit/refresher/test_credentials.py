"""A credential is cut from both rings: where they are not of one rotation, the admin hears so."""

from datetime import UTC, datetime

from grantkeeper.bus.received import Place, Principal, Received, ReplyTo
from grantkeeper.crypto.ring import AuthRing, VaultRing
from grantkeeper.process.settings import KafkaSettings
from grantkeeper_client import Envelope
from schemas.token_requests import CredentialIssue
from services.refresher.credentials import Credentials
from tests.unit.bus.doubles import Directory

ADMIN = Principal("admin", "admin", 1)
KAFKA = KafkaSettings(bootstrap_servers="127.0.0.1:9092", prefix="p.")


def asked(principal: str) -> tuple[Received, CredentialIssue]:
    message = CredentialIssue(principal=principal)
    at = datetime(2026, 11, 24, tzinfo=UTC)
    envelope = Envelope("p.token.requests", None, "1", message.TYPE, "/principals/admin", at, b"{}")
    to = ReplyTo("admin", 1, "r1", "c1")
    return Received(envelope, message, Place("p.token.requests", 0, 0), ADMIN, to), message


def test_rings_that_do_not_fit_together_are_told_to_the_admin() -> None:
    directory = Directory({"mail-1": Principal("mail-1", "mail", 1)})
    credentials = Credentials(directory, AuthRing.new("r1"), VaultRing.new("r2"), KAFKA)
    reply = credentials.issue(*asked("mail-1"))
    assert reply.error is not None
    assert reply.error.code == "secret_unreadable"
    assert "auth r1, vault r2" in reply.error.message


def test_a_credential_is_cut_from_rings_of_one_rotation() -> None:
    directory = Directory({"mail-1": Principal("mail-1", "mail", 3)})
    credentials = Credentials(directory, AuthRing.new("r1"), VaultRing.new("r1"), KAFKA)
    reply = credentials.issue(*asked("mail-1"))
    assert reply.result is not None
    assert (reply.result["principal"], reply.result["version"]) == ("mail-1", 3)
