"""Who is asking: client_secret_basic, client_secret_post, private_key_jwt or, for public clients, the id alone."""

import base64
import binascii
import hmac
from urllib.parse import unquote_plus

from devstack.provider.assertions import ASSERTION_TYPE, Assertions
from devstack.provider.errors import Reason, Refused
from devstack.provider.form import FormRequest
from devstack.provider.provider import Provider
from devstack.provider.settings import ClientSettings


def claimed_client_id(request: FormRequest) -> str | None:
    """The client the request names, proven or not: for the journal and for choosing a fault."""
    if "client_id" in request.parameters:
        return request.parameters["client_id"]
    try:
        return _basic(request.authorization)[0] if request.authorization else None
    except Refused:
        return None


def caller(proxy_authorization: str | None) -> str | None:
    """The name of who calls through this provider as its proxy, believed as it is."""
    try:
        return None if proxy_authorization is None else _basic(proxy_authorization)[0]
    except Refused:
        return None


def authenticate(provider: Provider, assertions: Assertions, request: FormRequest) -> ClientSettings:
    """The proven client; Refused with status 401 otherwise (RFC 6749 section 2.3)."""
    form = request.parameters
    if form.get("client_assertion_type") == ASSERTION_TYPE:
        return assertions.authenticate(request)
    client_id, secret = form.get("client_id"), form.get("client_secret")
    if request.authorization is not None:
        if secret is not None:
            raise Refused(Reason.MALFORMED)  # more than one way at once
        client_id, secret = _basic(request.authorization)
    if client_id is None:
        raise Refused(Reason.SECRET_MISSING)
    client = provider.client(client_id)
    _check_secret(client, secret)
    return client


def _check_secret(client: ClientSettings, secret: str | None) -> None:
    if client.public:
        if secret:
            raise Refused(Reason.SECRET_UNWANTED)
        return
    if not secret:
        raise Refused(Reason.SECRET_MISSING)
    matches = [hmac.compare_digest(known.get_secret_value().encode(), secret.encode()) for known in client.secrets]
    if not any(matches):
        raise Refused(Reason.SECRET_WRONG)


def _basic(authorization: str) -> tuple[str, str]:
    """Id and secret, each form-urlencoded before they were joined (RFC 6749 section 2.3.1)."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        client_id, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Refused(Reason.SECRET_MISSING) from error
    if scheme.lower() != "basic" or not colon:
        raise Refused(Reason.SECRET_MISSING)
    return unquote_plus(client_id), unquote_plus(secret)
