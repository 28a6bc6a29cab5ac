from pathlib import Path

import pytest

from grantkeeper.cli.environment import read_environment
from grantkeeper.process.settings import KafkaSettings
from grantkeeper_client import CredentialError

PREFIX = "GRANTKEEPER_KAFKA__"


def test_nothing_set_means_a_plain_connection_and_no_credential() -> None:
    environment = read_environment({"PATH": "/bin"})
    assert environment.security() == {"security_protocol": "PLAINTEXT"}
    with pytest.raises(CredentialError, match="GRANTKEEPER_CREDENTIAL"):
        environment.credential()


def test_a_login_is_read_as_the_services_read_it(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("planted-password\n", encoding="utf-8")
    environment = read_environment(
        {
            "GRANTKEEPER_CREDENTIAL": "/c.json",
            f"{PREFIX}SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            f"{PREFIX}SASL_MECHANISM": "PLAIN",
            f"{PREFIX}SASL_USERNAME": "cli",
            f"{PREFIX}SASL_PASSWORD_FILE": str(tmp_path / "password"),
        }
    )
    assert environment.credential_file == "/c.json"
    assert environment.security()["sasl_plain_password"] == "planted-password"
    assert "planted-password" not in repr(environment)
    KafkaSettings.model_validate({"bootstrap_servers": "k:9092", **environment.security_settings})


def test_half_a_login_is_refused_with_the_setting() -> None:
    with pytest.raises(CredentialError, match="GRANTKEEPER_KAFKA__"):
        read_environment({f"{PREFIX}SECURITY_PROTOCOL": "SASL_SSL"}).security()


def test_a_secrets_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match=r"SASL_PASSWORD_FILE: .*nowhere"):
        read_environment({f"{PREFIX}SASL_PASSWORD_FILE": str(tmp_path / "nowhere")})
