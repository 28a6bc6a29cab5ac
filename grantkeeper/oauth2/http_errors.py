"""Calls that brought no complete answer, by what may have happened to the request.

HttpError
|-- NotSent             nothing secret left: trying again is safe
|   |-- Unreachable     name not found, connection refused, no connection in time
|   |-- Untrusted       the server's certificate does not verify
|   `-- AddressRefused  the address is not https, or points into a private network
`-- MaybeSent           the request left or may have left, and no answer came: a refresh token may be used up
"""


class HttpError(Exception):
    """No complete answer; `host` is the one that was called, `reason` one word for programs."""

    reason = "http"

    def __init__(self, host: str, detail: str) -> None:
        """`detail` is for people and holds no secret: bodies and queries never enter it."""
        super().__init__(f"{host}: {detail}")
        self.host = host
        self.detail = detail


class NotSent(HttpError):
    """The request did not reach the server: the refresh token is unused."""

    reason = "not_sent"


class Unreachable(NotSent):
    """No connection: name, route, port or proxy."""

    reason = "unreachable"


class Untrusted(NotSent):
    """A connection, but the certificate does not prove the host."""

    reason = "certificate"


class AddressRefused(NotSent):
    """The address breaks our own rules; no retry will help before the settings or the config change."""

    reason = "address_refused"


class MaybeSent(HttpError):
    """Silence, a broken connection or an oversized answer after the request left: the outcome is unknown."""

    reason = "no_answer"
