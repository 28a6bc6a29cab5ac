"""What the client library exports is a contract: a name that leaks, or goes, fails here."""

import subprocess
import sys

import grantkeeper_client

EXPORTED = [
    "AccessToken",
    "Answer",
    "Asker",
    "Credential",
    "CredentialError",
    "Envelope",
    "Grantkeeper",
    "GrantkeeperError",
    "MalformedMessage",
    "NoReply",
    "PRINCIPAL_ID",
    "ReplyError",
    "SaslError",
    "SealError",
    "SignatureParts",
    "SigningKey",
    "decode",
    "dump_credential",
    "encode",
    "format_time",
    "kafka_security",
    "load_credential",
    "oauthbearer",
    "open_access_token",
    "open_for_installation",
    "open_for_principal",
    "parse_credential",
    "parse_signature",
    "pop3_two_lines",
    "read_private_file",
    "seal_for_principal",
    "seal_to_installation",
    "sealed_binding",
    "sealed_key_id",
    "sign",
    "verify",
    "xoauth2",
]


def test_the_library_exports_these_names_and_no_others() -> None:
    assert sorted(grantkeeper_client.__all__) == EXPORTED
    public = {name for name in vars(grantkeeper_client) if not name.startswith("_")}
    assert public == set(EXPORTED)


def test_every_exported_error_has_the_one_root() -> None:
    errors = [value for value in vars(grantkeeper_client).values() if isinstance(value, type)]
    errors = [value for value in errors if issubclass(value, Exception)]
    assert len(errors) == 7
    assert all(issubclass(value, grantkeeper_client.GrantkeeperError) for value in errors)


def test_the_library_needs_nothing_of_the_house_and_starts_nothing() -> None:
    """It is a distribution of its own: a mail program installs it without the services."""
    program = (
        "import sys, threading, grantkeeper_client\n"
        "house = {'grantkeeper', 'schemas', 'services', 'pydantic', 'faststream', 'httpx', 'motor', 'typer'}\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "assert not house & loaded, house & loaded\n"
        "assert threading.active_count() == 1\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={}, timeout=60)
