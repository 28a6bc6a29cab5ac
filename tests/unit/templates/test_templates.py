"""Each template, as an admin fills it in: the exact addresses and forms that it leads to, written by hand."""

from pathlib import Path
from typing import Final

import pytest
from pydantic import SecretStr

from grantkeeper.oauth2.authorization import authorization_url
from grantkeeper.oauth2.client_auth import Client
from grantkeeper.oauth2.client_identity import secret_binding
from grantkeeper.oauth2.discovery import Metadata, endpoints
from grantkeeper.oauth2.redirect import redirect_uri
from grantkeeper.oauth2.token_request import (
    client_credentials_request,
    code_request,
    jwt_bearer_request,
    refresh_request,
)
from schemas.token_config import TokenConfig
from services.config_service.document import read, write

TEMPLATES: Final = Path(__file__).parents[3] / "templates"
PUBLIC: Final = "https://grants.example.test"
VERIFIER: Final = SecretStr("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
CHALLENGE: Final = "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
CLIENT: Final = Client("app-1", SecretStr("secret-1"))
SLUGS: Final = (
    "google-mail",
    "google-workspace-service-account",
    "microsoft-exchange-online-client-credentials",
    "microsoft-outlook-common",
    "microsoft-outlook-consumers",
    "microsoft-outlook-organizations",
    "openid-connect",
)


def filled_in(slug: str, **options: object) -> TokenConfig:
    record = read((TEMPLATES / f"{slug}.yaml").read_text("utf-8"), template=True)
    assert record.config is not None
    return record.config.model_copy(
        update={
            "template": record.config.name,
            "name": "Support",
            "client_id": "app-1",
            "options": record.config.options.model_copy(update=options),
        }
    )


def url(config: TokenConfig, endpoint: str | None) -> str:
    assert endpoint is not None
    return authorization_url(
        config, endpoint=endpoint, state="st-1", redirect_uri=redirect_uri(config, PUBLIC), code_verifier=VERIFIER
    )


def code_form(config: TokenConfig, endpoint: str | None) -> tuple[str, bytes]:
    assert endpoint is not None
    request = code_request(
        config,
        CLIENT,
        endpoint=endpoint,
        code=SecretStr("c-1"),
        redirect_uri=redirect_uri(config, PUBLIC),
        code_verifier=VERIFIER,
    )
    return request.url, request.body()


def refresh_form(config: TokenConfig, endpoint: str | None) -> tuple[str, bytes]:
    assert endpoint is not None
    request = refresh_request(config, CLIENT, endpoint=endpoint, refresh_token=SecretStr("r-1"))
    return request.url, request.body()


def test_these_templates_are_shipped() -> None:
    assert tuple(sorted(path.stem for path in TEMPLATES.glob("*.yaml"))) == SLUGS


@pytest.mark.parametrize("slug", SLUGS)
def test_a_template_has_no_findings_no_client_and_can_be_written_back(slug: str) -> None:
    record = read((TEMPLATES / f"{slug}.yaml").read_text("utf-8"), template=True)
    assert record.findings == ()
    config = record.config
    assert config is not None
    assert (config.client_id, config.client_secret, config.options.mechanism) == (None, None, "XOAUTH2")
    assert config.options.setup_hint
    assert read(write(config), template=True).config == config


def test_google_mail() -> None:
    config = filled_in("google-mail")
    known = endpoints(config)
    assert url(config, known.authorization) == (
        "https://accounts.google.com/o/oauth2/v2/auth?access_type=offline&client_id=app-1&"
        + CHALLENGE
        + "&prompt=consent"
        "&redirect_uri=https%3A%2F%2Fgrants.example.test%2Foauth2%2Fcallback%2Fgoogle-mail&response_type=code"
        "&scope=https%3A%2F%2Fmail.google.com%2F%20openid%20email&state=st-1"
    )
    assert code_form(config, known.token_by_code) == (
        "https://oauth2.googleapis.com/token",
        (
            b"client_id=app-1&client_secret=secret-1&code=c-1&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
            b"&grant_type=authorization_code"
            b"&redirect_uri=https%3A%2F%2Fgrants.example.test%2Foauth2%2Fcallback%2Fgoogle-mail"
        ),
    )
    assert refresh_form(config, known.token_by_refresh) == (
        "https://oauth2.googleapis.com/token",
        b"client_id=app-1&client_secret=secret-1&grant_type=refresh_token&refresh_token=r-1",
    )
    assert secret_binding(config) == {"client_id": "app-1", "host": "oauth2.googleapis.com"}
    assert (config.options.rotation, known.revocation) == ("none", None)


@pytest.mark.parametrize("tenant", ["common", "consumers", "organizations"])
def test_microsoft_outlook(tenant: str) -> None:
    config = filled_in(f"microsoft-outlook-{tenant}")
    known = endpoints(config)
    assert url(config, known.authorization) == (
        f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize?client_id=app-1&{CHALLENGE}"
        "&prompt=select_account"
        f"&redirect_uri=https%3A%2F%2Fgrants.example.test%2Foauth2%2Fcallback%2Fmicrosoft-outlook-{tenant}"
        "&response_mode=query&response_type=code"
        "&scope=https%3A%2F%2Foutlook.office.com%2FIMAP.AccessAsUser.All"
        "%20https%3A%2F%2Foutlook.office.com%2FPOP.AccessAsUser.All"
        "%20https%3A%2F%2Foutlook.office.com%2FSMTP.Send%20offline_access%20openid%20profile&state=st-1"
    )
    scope = (
        b"&scope=https%3A%2F%2Foutlook.office.com%2FIMAP.AccessAsUser.All"
        b"+https%3A%2F%2Foutlook.office.com%2FPOP.AccessAsUser.All"
        b"+https%3A%2F%2Foutlook.office.com%2FSMTP.Send+offline_access+openid+profile"
    )
    assert code_form(config, known.token_by_code) == (
        f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
        b"client_id=app-1&client_secret=secret-1&code=c-1&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        b"&grant_type=authorization_code&redirect_uri=https%3A%2F%2Fgrants.example.test%2Foauth2%2Fcallback"
        b"%2Fmicrosoft-outlook-" + tenant.encode() + scope,
    )
    assert refresh_form(config, known.token_by_refresh) == (
        f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
        b"client_id=app-1&client_secret=secret-1&grant_type=refresh_token&refresh_token=r-1" + scope,
    )
    assert secret_binding(config) == {"client_id": "app-1", "host": "login.microsoftonline.com"}
    assert (config.options.issuer_check, config.options.rotation) == ("template", "replace")


def test_microsoft_exchange_online_for_a_program() -> None:
    config = filled_in("microsoft-exchange-online-client-credentials")
    assert config.auth_flow == "ClientCredentials"
    assert config.requests["TokenByClientCredentials"].url is None
    endpoint = "https://login.microsoftonline.com/6f1c8e90-0000-4000-8000-000000000001/oauth2/v2.0/token"
    request = client_credentials_request(config, CLIENT, endpoint=endpoint)
    assert (request.url, request.body()) == (
        endpoint,
        (
            b"client_id=app-1&client_secret=secret-1&grant_type=client_credentials"
            b"&scope=https%3A%2F%2Foutlook.office365.com%2F.default"
        ),
    )


def test_google_workspace_for_a_program_that_acts_for_a_mailbox() -> None:
    config = filled_in("google-workspace-service-account")
    assert (config.auth_flow, config.mints) == ("JWTBearer", True)
    assert secret_binding(config)["host"] == "oauth2.googleapis.com"
    endpoint = config.requests["TokenByJWTBearer"].url or ""
    request = jwt_bearer_request(config, endpoint=endpoint, assertion=SecretStr("a.b.c"))
    assert request.body() == b"assertion=a.b.c&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"


def test_openid_connect_takes_all_addresses_from_the_issuer() -> None:
    issuer = "https://login.example.test/realms/a"
    config = filled_in("openid-connect", issuer=issuer)
    assert endpoints(config).authorization is None
    metadata = Metadata(issuer, authorization_endpoint=issuer + "/auth", token_endpoint=issuer + "/token")
    known = endpoints(config, metadata)
    assert url(config, known.authorization) == (
        f"https://login.example.test/realms/a/auth?client_id=app-1&{CHALLENGE}&prompt=consent"
        "&redirect_uri=https%3A%2F%2Fgrants.example.test%2Foauth2%2Fcallback%2Fopenid-connect-4a47c50e"
        "&response_type=code&scope=openid%20email%20offline_access&state=st-1"
    )
    assert code_form(config, known.token_by_code) == (
        "https://login.example.test/realms/a/token",
        (
            b"client_id=app-1&client_secret=secret-1&code=c-1&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
            b"&grant_type=authorization_code"
            b"&redirect_uri=https%3A%2F%2Fgrants.example.test%2Foauth2%2Fcallback%2Fopenid-connect-4a47c50e"
        ),
    )
    assert refresh_form(config, known.token_by_refresh) == (
        "https://login.example.test/realms/a/token",
        b"client_id=app-1&client_secret=secret-1&grant_type=refresh_token&refresh_token=r-1",
    )
    assert secret_binding(config) == {"client_id": "app-1", "host": "login.example.test"}
