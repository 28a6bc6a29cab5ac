"""A client secret that came in the clear lies on the broker's disk now: say so, where, and what to do."""

import json
from typing import Final

from grantkeeper.bus.received import Place
from schemas.config_commands import ConfigCreate, ConfigUpdate
from schemas.envelope import Message
from schemas.findings import Finding
from schemas.replies import Detail, ErrorBody

CODE: Final = "plain_secret"
CURE: Final = "Replace this secret at the provider, it is on the disk of the broker; then send the new one sealed."


def explain(model: type[Message], value: bytes, place: Place) -> ErrorBody | None:
    """Recognise a value that failed its schema because its client secret is not sealed."""
    if model not in (ConfigCreate, ConfigUpdate):
        return None
    fields = json.loads(value).get("fields")
    secret = fields.get("client_secret") if isinstance(fields, dict) else None
    if not isinstance(secret, str) or not secret or secret.startswith("sealed:"):
        return None
    detail = Detail(field="fields.client_secret", problem="it is not sealed", cure=CURE)
    return ErrorBody(code=CODE, message=sentence(place), details=(detail,))


def sentence(place: Place) -> str:
    """Name the record that holds the secret."""
    where = f"partition {place.partition}, offset {place.offset} of {place.topic}"
    return f"The client secret came unsealed ({where}). {CURE}"


def with_place(findings: tuple[Finding, ...], place: Place) -> tuple[Finding, ...]:
    """Tell findings on plain secrets where on the broker they lie."""
    return tuple(_placed(finding, place) for finding in findings)


def _placed(finding: Finding, place: Place) -> Finding:
    if finding.code != CODE:
        return finding
    return finding.model_copy(update={"message": sentence(place), "cure": CURE})
