"""The discovery document (OpenID Connect Discovery, RFC 8414): each realm says of itself what it really does."""

from typing import Any

from devstack.provider.provider import Provider
from devstack.provider.settings import Iss, Offline, Revocation
from devstack.provider.token_endpoint import GRANT_TYPES

AUTH_METHODS = ["client_secret_post", "client_secret_basic", "private_key_jwt", "none"]


def discovery_document(provider: Provider, realm: str) -> dict[str, Any]:
    issuer, settings = provider.issuer(realm), provider.realms[realm]
    document: dict[str, Any] = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "device_authorization_endpoint": f"{issuer}/device_authorization",
        "introspection_endpoint": f"{issuer}/introspect",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/jwks",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANT_TYPES),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": AUTH_METHODS,
        "token_endpoint_auth_signing_alg_values_supported": ["PS256", "RS256", "ES256"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": list(settings.scopes) if settings.scopes is not None else _usual_scopes(settings.offline),
    }
    if settings.iss is Iss.ADVERTISED:
        document["authorization_response_iss_parameter_supported"] = True
    if settings.revocation is not Revocation.NONE:
        document["revocation_endpoint"] = f"{issuer}/revoke"
    return document


def _usual_scopes(offline: Offline) -> list[str]:
    return ["openid", "email", *(["offline_access"] if offline is Offline.SCOPE else []), "mail.imap"]
