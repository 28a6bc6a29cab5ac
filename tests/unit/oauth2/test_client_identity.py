"""To which addresses a client secret may go: its own host, and what the issuer that it is bound to names."""

from typing import Any, Final

import pytest

from grantkeeper.oauth2.client_identity import may_go_to
from schemas.token_config import TokenConfig

HERE: Final = "https://idp.example.test"
OTHER: Final = "https://other.example.test"
FOUND: Final = "https://found.example.test/token"
"""What no config names: it can only come from metadata."""


def config(token: str | None = None, **options: Any) -> TokenConfig:
    requests = {"TokenByAuthorizationCode": {"url": token}} if token else {}
    return TokenConfig.model_validate({"name": "x", "template": "t", "requests": requests, "options": options})


FOUND_BY_ISSUER: Final = config(issuer=HERE, discovery=True)


@pytest.mark.parametrize(
    ("given", "url", "may"),
    [
        (config(f"{HERE}/token"), f"{HERE}/device", True),
        (config(f"{HERE}/token"), FOUND, False),
        (config(f"{HERE}/token", issuer=OTHER), f"{OTHER}/token", False),
        (FOUND_BY_ISSUER, f"{HERE}/token", True),
        (FOUND_BY_ISSUER, FOUND, True),
        (config(issuer=HERE, discovery=True, device_authorization_endpoint=f"{OTHER}/d"), f"{OTHER}/d", False),
        (config(issuer=HERE, discovery=True, revocation_endpoint=f"{OTHER}/r"), f"{OTHER}/r", False),
        # An issuer that the secret is not bound to may lead it nowhere.
        (config(f"{HERE}/token", issuer=OTHER, discovery=True), FOUND, False),
        (config(f"{HERE}/token", issuer=f"{HERE}/realm", discovery=True), FOUND, True),
        (config(), FOUND, False),
        (config(discovery=True), FOUND, False),
    ],
)
def test_a_secret_goes_to_its_host_or_where_the_issuer_it_is_bound_to_leads(
    given: TokenConfig, url: str, *, may: bool
) -> None:
    assert may_go_to(given, url) is may
