"""The configuration Dovecot 2.3 is started with."""

from pathlib import Path

from devstack.mail.dovecot import Introspection, MailPorts, main_config, oauth2_config

INTROSPECTION = Introspection(
    url="http://127.0.0.1:9000/strict/introspect",
    client_id="mail server",
    client_secret="p@ss/word:#",
    scope="mail.imap",
    discovery_url="http://127.0.0.1:9000/strict/.well-known/openid-configuration",
)


def test_the_introspection_client_survives_any_letters() -> None:
    text = oauth2_config(INTROSPECTION)
    assert "introspection_url = http://mail%20server:p%40ss%2Fword%3A%23@127.0.0.1:9000/strict/introspect\n" in text
    assert "p@ss" not in text
    assert "p@ss" not in repr(INTROSPECTION)


def test_everything_is_on_this_machine_and_in_the_folder() -> None:
    text = main_config(Path("/x"), MailPorts(1, 2, 3), [Path("/x/a"), Path("/x/b")], relay_port=4, owner="mail")
    assert "listen = 127.0.0.1\n" in text
    assert text.count("passdb {") == 2
    assert text.count("{") == text.count("}")
    assert all(
        line.split(" = ")[1].startswith("/x") for line in text.splitlines() if line.startswith(("base_", "state_"))
    )
