"""What one attempt came to: tokens, or a failure with its meaning and its cure.

Classified by codes only, never by descriptions. What nobody knows is retried with a bound and shown: it neither ends a
grant nor disappears.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from grantkeeper.oauth2.answer import HttpAnswer, NotJson, correlation_id, json_object, retry_after
from grantkeeper.oauth2.error_table import Meaning, Symptoms, shipped
from grantkeeper.oauth2.error_text import SHORTEST_SECRET, clean, error_text
from grantkeeper.oauth2.http_errors import HttpError
from grantkeeper.oauth2.redirect import RedirectAnswer
from grantkeeper.oauth2.token_request import TokenRequest
from grantkeeper.oauth2.token_response import TokenResponse, UnusableResponse, parse
from schemas.reasons import AttemptClass, FaultScope

_WORD_MAX: Final = 64
_WITHOUT_LOGIN: Final = frozenset({"client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer"})
"""Grant types that no person has logged in for (RFC 6749 section 4.4, RFC 7523 section 2.1)."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that brought no usable access token; `attempt_class` says what to do next."""

    attempt_class: AttemptClass
    scope: FaultScope
    code: str
    """One word for programs and events: `invalid_grant`, `AADSTS7000222`, `http_503`, `not_json`, `unreachable`."""
    cure_id: str
    cure: str
    text: str
    """What the provider said, for the admin; secrets and addresses are cut out."""
    wait: float = 0.0
    """Seconds before the next try, at least: the table's, or `Retry-After` where that is longer."""
    retry_after_given: bool = False
    http_status: int | None = None
    correlation_id: str | None = None
    refresh_token: SecretStr | None = None
    """Came without an access token: the old one may be used up, so it must be stored."""

    @property
    def pauses_client(self) -> bool:
        """Whether all tokens of this client wait for an admin, once a second config confirms it."""
        return self.attempt_class == "client_fault" and self.scope == "client"


def read_answer(
    request: TokenRequest, answer: HttpAnswer, *, default_expires_in: int, now: datetime
) -> TokenResponse | Failure:
    """Read the answer to a token request. Any 2xx with an access token is a success (RFC 6749 says 200)."""
    try:
        payload = json_object(answer)
    except NotJson as error:
        return _failure(_without_json(answer), answer, {}, f"HTTP status {answer.status}. {error}", now)
    if not answer.succeeded:
        return _refused(request, answer, payload, now)
    try:
        return parse(payload, request.response, default_expires_in=default_expires_in)
    except UnusableResponse as unusable:
        return _refused(request, answer, payload, now, unusable)


def read_http_error(error: HttpError) -> Failure:
    """Read a call that brought no answer."""
    meaning = shipped().outcomes[error.reason]
    return _built((error.reason, meaning), clean(str(error)), wait=meaning.wait)


def read_redirect_error(answer: RedirectAnswer, *, host: str) -> Failure:
    """Read an error that came through the browser; `host` is that of the authorization endpoint."""
    subtypes = (answer.error_subtype,) if answer.error_subtype else ()
    coded = _from_table(Symptoms(host, 400, answer.error, subtypes))
    text = error_text({"error": answer.error, "error_description": answer.error_description}, {})
    return _built(coded, text, wait=coded[1].wait)


def cure(cure_id: str) -> str:
    """Return the English sentence of a cure; raises KeyError."""
    return shipped().cures[cure_id]


_Coded = tuple[str, Meaning]


def _refused(
    request: TokenRequest,
    answer: HttpAnswer,
    payload: Mapping[str, Any],
    now: datetime,
    unusable: UnusableResponse | None = None,
) -> Failure:
    secrets = (*request.secrets(), *_tokens(payload))
    symptoms = _symptoms(request, answer, payload, secrets)
    if unusable is not None and symptoms.error is None:
        coded = unusable.code, shipped().outcomes[unusable.code]
    else:  # with any status: some providers report errors with 200
        coded = _as_asked(request, _from_table(symptoms))
    said = error_text(payload, request.response, secrets)
    shown = {name: value for name, value in payload.items() if not _repeats(value, secrets)}
    return _failure(coded, answer, shown, said, now, unusable.refresh_token if unusable else None)


def _as_asked(request: TokenRequest, coded: _Coded) -> _Coded:
    """Where nobody logs in, no new login can be the cure."""
    code, meaning = coded
    grant_type = request.form.get("grant_type")
    if meaning.attempt_class != "reauthorization" or grant_type is None:
        return coded
    without_login = grant_type.get_secret_value() in _WITHOUT_LOGIN
    return (code, shipped().outcomes["no_login"]) if without_login else coded


def _repeats(value: Any, secrets: Iterable[str]) -> bool:
    return isinstance(value, str) and any(secret in value for secret in secrets if len(secret) >= SHORTEST_SECRET)


def _tokens(payload: Mapping[str, Any]) -> Iterable[str]:
    """Return what came as a token beside an error: the error's words may repeat it."""
    return (value for name, value in payload.items() if name.lower().endswith("token") and isinstance(value, str))


def _symptoms(
    request: TokenRequest, answer: HttpAnswer, payload: Mapping[str, Any], secrets: Iterable[str]
) -> Symptoms:
    mapped = [name for name, target in request.response.items() if target == "ErrorMessage"]
    errors = (payload.get(name) for name in (*mapped, "error"))
    error = next((_word(value, secrets) for value in errors if value), None)
    subtypes = (payload.get("suberror"), payload.get("error_subtype"))
    numbers = payload.get("error_codes")
    return Symptoms(
        host=urlsplit(request.url).hostname or "",
        status=answer.status,
        error=error,
        subtypes=tuple(value for value in subtypes if isinstance(value, str)),
        numbers=tuple(n for n in numbers if isinstance(n, int)) if isinstance(numbers, list) else (),
    )


def _word(value: Any, secrets: Iterable[str]) -> str:
    # Some providers put an object here; its text is shown, its code is unknown.
    if not isinstance(value, str):
        return "unknown_error"
    word = "".join(character for character in clean(value, secrets) if character.isascii() and character.isprintable())
    return word.strip()[:_WORD_MAX] or "unknown_error"


def _from_table(symptoms: Symptoms) -> _Coded:
    table = shipped()
    meaning = table.meaning(symptoms)
    number = next((n for n in symptoms.numbers if str(n) in table.numbers), None)
    if number is not None:
        return f"AADSTS{number}", meaning
    return symptoms.error or f"http_{symptoms.status}", meaning


def _without_json(answer: HttpAnswer) -> _Coded:
    table = shipped()
    # 400 and 2xx say nothing by themselves: what is no JSON comes from a proxy, not from the provider.
    if table.knows(Symptoms(status=answer.status)):
        return f"http_{answer.status}", table.meaning(Symptoms(status=answer.status))
    return "not_json", table.outcomes["not_json"]


def _failure(
    coded: _Coded,
    answer: HttpAnswer,
    payload: Mapping[str, Any],
    text: str,
    now: datetime,
    refresh_token: SecretStr | None = None,
) -> Failure:
    asked = retry_after(answer, now)
    return _built(
        coded,
        text or f"HTTP status {answer.status}",
        wait=max(coded[1].wait, asked or 0.0),
        retry_after_given=asked is not None,
        http_status=answer.status,
        correlation_id=correlation_id(answer, payload),
        refresh_token=refresh_token,
    )


def _built(coded: _Coded, text: str, **more: Any) -> Failure:
    code, meaning = coded
    return Failure(meaning.attempt_class, meaning.scope, code, meaning.cure_id, meaning.cure, text, **more)
