"""Stored configs and authors as the tests of config_service's rules need them."""

from datetime import UTC, datetime
from typing import Any

from grantkeeper.crypto.ring import VaultRing
from grantkeeper.oauth2.client_identity import secret_binding
from grantkeeper_client import seal_to_installation
from schemas.token_config import RequestBlock, TokenConfig
from services.config_service import document
from services.config_service.domain.edits import first_revision
from services.config_service.domain.values import Author, StoredConfig

CONFIG_ID = "01900000-0000-7000-8000-000000000001"
OTHER_ID = "01900000-0000-7000-8000-000000000002"
NOW = datetime(2030, 1, 1, 8, tzinfo=UTC)
ANNA = Author("anna", "console", NOW)
VAULT = VaultRing.new("r1")
TOKEN_URL = "https://idp.example.test/token"


def config(**fields: Any) -> TokenConfig:
    """A complete config of the authorization code flow, without a secret unless one is given."""
    answer = {"access_token": "Token", "expires_in": "TokenExpirationDate", "refresh_token": "RefreshToken"}
    client = {"client_id": "ClientID", "client_secret": "ClientSecret"}
    values: dict[str, Any] = {
        "name": "Support",
        "template": "Example provider",
        "client_id": "app",
        "scope": "mail.read offline_access",
        "requests": {
            "AuthorizationCode": RequestBlock(
                url="https://idp.example.test/authorize",
                parameters={"response_type": "code"},
                autofill={
                    "client_id": "ClientID",
                    "redirect_uri": "RedirectURL",
                    "scope": "Scope",
                    "state": "State",
                },
                response={"code": "AuthorizationCode", "state": "State"},
            ),
            "TokenByAuthorizationCode": RequestBlock(
                url=TOKEN_URL,
                parameters={"grant_type": "authorization_code"},
                autofill={**client, "code": "AuthorizationCode", "redirect_uri": "RedirectURL"},
                response=answer,
            ),
            "TokenByRefreshToken": RequestBlock(
                url=TOKEN_URL,
                parameters={"grant_type": "refresh_token"},
                autofill={**client, "refresh_token": "RefreshToken", "scope": "Scope"},
                response=answer,
            ),
        },
    }
    return TokenConfig.model_validate(values | fields)


def sealed(one: TokenConfig, plaintext: str = "s3cret", vault: VaultRing = VAULT) -> str:
    """A client secret sealed for the client and host of a config."""
    jwk = vault.installation_public_jwk()
    return seal_to_installation(jwk, plaintext, use="client_secret", bound=secret_binding(one))


def with_secret(one: TokenConfig) -> TokenConfig:
    return one.model_copy(update={"client_secret": sealed(one)})


def stored(one: TokenConfig | None = None, text: str | None = None, config_id: str = CONFIG_ID) -> StoredConfig:
    """A config in its first revision."""
    kept = with_secret(config()) if one is None else one
    return first_revision(config_id, kept, document.write(kept) if text is None else text, ANNA)
