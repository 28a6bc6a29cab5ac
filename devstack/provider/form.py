"""A form POST as the endpoints see it: parameters once, empty ones left out (RFC 6749 section 3.2)."""

from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from devstack.provider.errors import Reason, Refused

MAX_FIELDS = 100


@dataclass(frozen=True, slots=True)
class FormRequest:
    """A POST to the token, revocation or introspection endpoint of one realm."""

    realm: str
    parameters: dict[str, str] = field(repr=False)
    authorization: str | None = field(default=None, repr=False)

    def require(self, name: str) -> str:
        try:
            return self.parameters[name]
        except KeyError:
            raise Refused(Reason.MISSING) from None


def parse_form(body: bytes) -> dict[str, str]:
    """Parameters by name; Refused(MALFORMED) for a repeated one, bad UTF-8 or too many."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=False, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError as error:
        raise Refused(Reason.MALFORMED) from error
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise Refused(Reason.MALFORMED)
    return parameters
