"""Settings: from the environment and from files, and every mistake is one line with its cure and without its value."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from grantkeeper.process.settings import EX_CONFIG, MongoSettings, ProcessSettings, load


class Settings(ProcessSettings):
    """As a service declares them."""

    mongo: MongoSettings
    console_password: SecretStr | None = None


GOOD = {
    "GRANTKEEPER_KAFKA__BOOTSTRAP_SERVERS": "kafka:9092",
    "GRANTKEEPER_MONGO__URI": "mongodb://user:s3cr3t@mongo",
}


@pytest.fixture(autouse=True)
def good(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        load(Settings)
    assert ended.value.code == EX_CONFIG
    text = capsys.readouterr().err
    assert "s3cr3t" not in text
    return text


def test_nested_settings_come_from_the_environment() -> None:
    settings = load(Settings)
    assert settings.kafka.bootstrap_servers == "kafka:9092"
    assert settings.mongo.uri.get_secret_value() == "mongodb://user:s3cr3t@mongo"
    assert "s3cr3t" not in repr(settings)
    assert settings.kafka.topic("token.events") == "grantkeeper.token.events"


def test_a_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "uri"
    file.write_text("mongodb://in-a-file\n")
    monkeypatch.delenv("GRANTKEEPER_MONGO__URI")
    monkeypatch.setenv("GRANTKEEPER_MONGO__URI_FILE", str(file))
    monkeypatch.setenv("GRANTKEEPER_CONSOLE_PASSWORD_FILE", str(file))
    settings = load(Settings)
    assert settings.mongo.uri.get_secret_value() == "mongodb://in-a-file"
    assert settings.console_password == SecretStr("mongodb://in-a-file")


def test_a_secret_and_its_file_together_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRANTKEEPER_MONGO__URI_FILE", "/etc/hostname")
    assert "GRANTKEEPER_MONGO__URI and GRANTKEEPER_MONGO__URI_FILE are both set" in complaint(capsys)


def test_a_secret_file_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GRANTKEEPER_MONGO__URI")
    monkeypatch.setenv("GRANTKEEPER_MONGO__URI_FILE", "/nowhere/uri")
    assert "GRANTKEEPER_MONGO__URI_FILE: /nowhere/uri: No such file" in complaint(capsys)


def test_everything_that_is_missing_is_named_with_what_it_is_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in GOOD:
        monkeypatch.delenv(name)
    text = complaint(capsys)
    assert "GRANTKEEPER_KAFKA__BOOTSTRAP_SERVERS is not set: Comma-separated host:port" in text
    assert "GRANTKEEPER_MONGO__URI or GRANTKEEPER_MONGO__URI_FILE is not set: Connection string" in text


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("GRANTKEEPER_KAFKA__BOOTSTRAP_SERVER", "x", "did you mean GRANTKEEPER_KAFKA__BOOTSTRAP_SERVERS?"),
        ("GRANTKEEPER_KAFKA__ZZZ", "s3cr3t", "GRANTKEEPER_KAFKA__ZZZ is no setting"),
        ("GRANTKEEPER_HEALTH__PORT", "s3cr3t", "GRANTKEEPER_HEALTH__PORT: Input should be a valid integer"),
        ("GRANTKEEPER_HEALTH__PORT", "70000", "less than or equal to 65535"),
        ("GRANTKEEPER_KAFKA__SECURITY_PROTOCOL", "SASL_SSL", "needs sasl_mechanism, sasl_username and sasl_password"),
        ("GRANTKEEPER_KAFKA__SASL_MECHANISM", "PLAIN", "set security_protocol"),
    ],
)
def test_a_wrong_setting_is_named_with_its_cure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    assert words in complaint(capsys)


def test_settings_of_other_processes_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRANTKEEPER_SOMETHING_ELSE_ENTIRELY", "x")
    assert load(Settings).failpoint is None
