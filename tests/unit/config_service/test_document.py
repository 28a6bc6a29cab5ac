"""Texts of token configs: Znuny's and ours, both ways, and what is said about them."""

from datetime import date
from pathlib import Path
from typing import Final

import pytest

from grantkeeper.strict_yaml import load, replace_scalar, split_records
from schemas.findings import Finding
from schemas.token_config import Options, TokenConfig
from services.config_service.document import Record, read, write
from services.config_service.znuny import OPTION_KEYS, SERVER_KEYS

SAMPLES: Final = Path(__file__).parents[2] / "samples" / "znuny"
SEALED: Final = "sealed:eyJ0ZXN0IjoxfQ.a.b.c.d"
MINIMAL: Final = """\
Name: Support
Config:
  TemplateName: OpenID Connect
  ClientID: app
  ClientSecret: sealed:abc
  Grantkeeper:
    Issuer: https://idp.example.test
    Discovery: 1
"""


def texts(name: str) -> list[str]:
    return [record.text for record in split_records((SAMPLES / name).read_text("utf-8"))]


def sealed(text: str) -> str:
    return replace_scalar(text, ("Config", "ClientSecret"), SEALED)


def config_of(record: Record) -> TokenConfig:
    assert record.config is not None, record.findings
    return record.config


def codes(record: Record, level: str | None = None) -> set[str]:
    return {finding.code for finding in record.findings if level in {None, finding.level}}


def only(record: Record, code: str) -> Finding:
    (found,) = [finding for finding in record.findings if finding.code == code]
    return found


# --- Znuny's files


def test_an_export_is_read_with_everything_it_says() -> None:
    support, archive = (config_of(read(sealed(text))) for text in texts("export.yml"))
    assert (support.name, support.template, support.auth_flow) == (
        "Support mailbox",
        "Example provider",
        "AuthorizationCode",
    )
    assert (support.validity, support.client_id, support.client_secret) == ("valid", "helpdesk-mail-app", SEALED)
    assert support.scope == "mail.read mail.send offline_access"
    assert (support.notify_expired_token, support.notify_expired_refresh_token) == (False, True)
    assert support.extra == {"LoginHint": "support@example.test"}
    block = support.requests["TokenByRefreshToken"]
    assert block.url == "https://idp.example.test/oauth2/token"
    assert block.parameters == {"grant_type": "refresh_token"}
    assert block.autofill == {
        "client_id": "ClientID",
        "client_secret": "ClientSecret",
        "refresh_token": "RefreshToken",
        "scope": "Scope",
    }
    assert block.response["refresh_token_expires_in"] == "RefreshTokenExpirationDate"
    assert (archive.auth_flow, archive.validity) == ("ClientCredentials", "invalid")


def test_an_export_without_faults_has_no_findings() -> None:
    assert [read(sealed(text)).findings for text in texts("export.yml")] == [(), ()]


def test_a_plain_secret_is_told_with_its_line_and_not_repeated() -> None:
    record = read(texts("export.yml")[0])
    assert record.config is None
    finding = only(record, "plain_secret")
    assert (finding.level, finding.field, finding.line, finding.column) == ("error", "Config.ClientSecret", 6, 3)
    assert "not-a-real-secret" not in repr(record)


def test_an_old_export_is_read_without_client_and_flow() -> None:
    record = read(texts("old-line.yml")[0])
    config = config_of(record)
    assert (config.auth_flow, config.client_id, config.client_secret) == ("AuthorizationCode", None, None)
    assert (config.validity, config.notify_expired_token) == ("invalid-temporarily", True)
    assert config.extra == {"MyOwnKey": "keep me"}
    assert codes(record) == {"client_id_missing", "client_secret_missing", "google_prompt"}


def test_a_faulty_program_login_is_imported_with_warnings() -> None:
    record = read(texts("faulty.yml")[0])
    config = config_of(record)
    assert (config.auth_flow, config.client_id, config.validity) == ("ClientCredentials", "0123", "valid")
    assert codes(record, "warning") == {
        "expires_mapped",
        "grant_type",
        "microsoft_default_scope",
        "microsoft_tenant",
        "source_unknown",
        "target_unknown",
        "unknown_valid_id",
    }


def test_a_login_at_microsoft_that_will_not_last_is_imported_with_warnings() -> None:
    record = read(texts("faulty.yml")[1])
    assert codes(record) == {
        "microsoft_offline_access",
        "microsoft_refresh_token",
        "microsoft_scope",
        "secret_in_address",
        "unknown_request_type",
    }
    scopes = [finding.field for finding in record.findings if finding.code == "microsoft_scope"]
    assert len(scopes) == 2


def test_a_sequence_of_one_is_a_record_and_of_two_is_not() -> None:
    text = (SAMPLES / "old-line.yml").read_text("utf-8")
    record = read(text)
    assert config_of(record).name == "Info"
    assert only(record, "client_id_missing").line == 6
    several = read((SAMPLES / "export.yml").read_text("utf-8"))
    assert codes(several, "error") == {"yaml_not_one_document"}


# --- ours


def test_a_minimal_config_by_discovery_needs_no_requests() -> None:
    record = read(MINIMAL)
    assert record.findings == ()
    assert config_of(record).options.discovery


def test_every_option_has_a_key_and_every_key_an_option() -> None:
    assert set(OPTION_KEYS) == set(Options.model_fields)
    assert set(SERVER_KEYS) == {"imap", "pop3", "smtp"}


def test_options_are_typed() -> None:
    text = MINIMAL + (
        "    IssuerCheck: template\n    ClientAuthentication: basic\n    PKCE: no\n    Rotation: strict\n"
        "    RefreshMargin: 300\n    ClientSecretEnds: 2027-01-31\n    Servers: {IMAP: 'imap.example.test:993'}\n"
    )
    options = config_of(read(text)).options
    assert (options.issuer_check, options.client_authentication, options.rotation) == ("template", "basic", "strict")
    assert (options.pkce, options.refresh_margin, options.client_secret_ends) == (False, 300, date(2027, 1, 31))
    assert options.servers.imap == "imap.example.test:993"


@pytest.mark.parametrize(
    ("line", "code", "cure"),
    [
        ("    Rotation: strikt", "invalid_value", "Write 'none', 'replace', 'grace' or 'strict'."),
        ("    RefreshMargin: soon", "invalid_value", "Write a whole number."),
        ("    RefreshMargin: 1", "invalid_value", "Write 5 or more."),
        ("    RefreshMargin: 100000", "invalid_value", "Write 86400 or less."),
        ("    PKCE: perhaps", "invalid_value", "Write 1 or 0."),
        ("    ClientSecretEnds: soon", "invalid_value", "Write a date as 2027-01-31."),
        ("    RedirectSlug: 'A b'", "invalid_value", "Write small letters, digits and hyphens only;"),
        ("    Rotatoin: strict", "unknown_option", "Known are ClientAuthentication,"),
        ("    Servers: {IMAP: nowhere}", "server", "Write host:port"),
        ("    Servers: {IMAAP: 'a:1'}", "unknown_option", "Known: IMAP"),
        ("    RevocationEndpoint: ftp://x.test/", "address", "Write a complete address"),
        ("    RevocationEndpoint: 'https://user:pw@x.test/'", "address", "Write a complete address"),
        ("    RevocationEndpoint: https://x.test/#a", "address", "Write a complete address"),
        ("    RevocationEndpoint: https://x.test:port/", "address", "Write a complete address"),
        ("    RevocationEndpoint: https://x..test/", "address", "Write a complete address"),
        ("    Servers: [a]", "not_a_mapping", "Write `Key: value`"),
        ("  AuthFlow: Magic", "invalid_value", "Write 'AuthorizationCode', 'ClientCredentials' or 'JWTBearer'."),
        ("  State: forged", "reserved_key", "Choose another name."),
        ("  $where: x", "key_not_allowed", "Rename it."),
        ("  a.b: x", "key_not_allowed", "Rename it."),
        ("  Requests: all of them", "not_a_mapping", "Write `Key: value`"),
        ("  Scope: [a, b]", "invalid_value", "Write one value."),
    ],
)
def test_an_error_names_line_and_cure(line: str, code: str, cure: str) -> None:
    record = read(MINIMAL + line + "\n")
    assert record.config is None
    finding = only(record, code)
    assert (finding.level, finding.line) == ("error", 9)
    assert finding.cure.startswith(cure)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "not_a_record"),
        ("- just\n", "not_a_record"),
        ("Name: x\n", "not_a_record"),
        ("Config: {}\n", "name"),
        ("Name: ' '\nConfig: {}\n", "name"),
        (f"Name: {'x' * 251}\nConfig: {{}}\n", "name"),
        ("Name: [x]\nConfig: {}\n", "name"),
        ("Name: x\nName: y\n", "yaml_duplicate_key"),
        ("Name: x\n\tConfig: y\n", "yaml_syntax"),
        ("Name: x\nConfig:\n", "address_missing"),
        ("Name: x\nConfig: {Grantkeeper: {Discovery: 1}}\n", "issuer_missing"),
    ],
)
def test_what_is_no_usable_record_is_told(text: str, code: str) -> None:
    record = read(text)
    assert record.config is None
    assert code in codes(record, "error")


def test_code_and_refresh_must_go_to_one_host() -> None:
    text = texts("export.yml")[0]
    path = ("Config", "Requests", "TokenByRefreshToken", "Request", "URL")
    moved = replace_scalar(sealed(text), path, "https://other.example.test/token")
    finding = only(read(moved), "token_hosts_differ")
    assert (finding.level, finding.field) == ("error", ".".join(path))


@pytest.mark.parametrize("key", ["RevocationEndpoint", "DeviceAuthorizationEndpoint"])
def test_an_address_that_takes_the_secret_to_another_host_than_the_issuer_is_no_way_around_discovery(key: str) -> None:
    here = read(f"{MINIMAL}    {key}: https://IDP.example.test:443/there\n")
    elsewhere = only(read(f"{MINIMAL}    {key}: https://other.example.test/there\n"), "token_hosts_differ")
    assert codes(here) == set()
    assert (elsewhere.level, elsewhere.field) == ("error", f"Config.Grantkeeper.{key}")
    assert elsewhere.cure == "Use an address on idp.example.test, or leave it to discovery."


def test_a_secret_among_the_fixed_parameters_is_told_as_plain() -> None:
    text = (
        MINIMAL
        + "  Requests:\n    TokenByRefreshToken:\n      Request:\n        Parameters: {client_secret: planted}\n"
    )
    record = read(text)
    assert only(record, "plain_secret").line == 12
    assert "planted" not in repr(record)


def test_an_unencrypted_address_is_a_warning_for_on_premise_providers() -> None:
    record = read(MINIMAL.replace("https://idp", "http://idp"))
    assert codes(record) == {"address_not_encrypted"}


def test_a_public_client_needs_no_secret() -> None:
    text = MINIMAL.replace("  ClientSecret: sealed:abc\n", "")
    assert codes(read(text)) == {"client_secret_missing"}
    assert read(text + "    ClientAuthentication: none\n").findings == ()


def test_a_record_without_a_template_has_one_that_does_not_follow_its_name() -> None:
    assert config_of(read(MINIMAL.replace("  TemplateName: OpenID Connect\n", ""))).template == "Custom"


# --- both ways


def test_written_and_read_again_it_is_the_same_config() -> None:
    for text in (MINIMAL, *map(sealed, texts("export.yml")), *texts("old-line.yml"), *texts("faulty.yml")):
        config = config_of(read(text))
        assert config_of(read(write(config))) == config
        assert write(config_of(read(write(config)))) == write(config)


def test_keys_unknown_to_us_survive_a_form_edit() -> None:
    base = sealed(texts("export.yml")[0]).replace("\n  Scope:", "\n  Foreign:\n    a: [b]\n  Scope:")
    edited = config_of(read(base)).model_copy(update={"scope": "mail.read"})
    text = write(edited, base)
    data = load(text).data
    assert isinstance(data, dict)
    assert (data["ChangeBy"], data["CreateTime"]) == ("7", "2030-01-02 03:04:05")
    config = data["Config"]
    assert isinstance(config, dict)
    assert config["Foreign"] == {"a": ["b"]}
    assert config["Scope"] == "mail.read"
    assert config_of(read(text)) == edited


def test_a_removed_key_of_ours_does_not_come_back_from_the_base() -> None:
    base = sealed(texts("export.yml")[0])
    config = config_of(read(base))
    edited = config.model_copy(
        update={
            "extra": {},
            "scope": None,
            "requests": {kind: block for kind, block in config.requests.items() if kind != "TokenByRefreshToken"},
        }
    )
    assert config_of(read(write(edited, base))) == edited
