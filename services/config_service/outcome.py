"""The answer to a command, as it is stored and sent: the same bytes however often the command comes."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import to_json

from schemas.config_results import ConfigSaved, PrincipalView
from schemas.envelope import Model
from schemas.reasons import RETRYABLE
from schemas.replies import Detail, ErrorBody, Reply
from services.config_service.domain.principals import PrincipalChange
from services.config_service.domain.values import Change, Refusal

MOST_BYTES: Final = 900_000
"""Of a result; Kafka takes 1 MiB, and a reply that it does not take would be tried for ever."""


def saved(change: Change) -> ConfigSaved:
    """Return the result of a command on one config."""
    after = change.after
    return ConfigSaved(
        config_id=after.config_id,
        name=after.config.name,
        revision=after.revision,
        validity=after.config.validity,
        deleted=after.deleted_at is not None,
        new_login=change.new_login,
        rewritten=change.rewritten,
        findings=change.findings,
        changed=change.changed,
    )


def answer(decision: Change | PrincipalChange | Refusal) -> Reply:
    """Return the reply to a command that was decided."""
    match decision:
        case Refusal():
            return refused(decision)
        case Change():
            return result(saved(decision))
        case PrincipalChange():
            return result(PrincipalView(principal=decision.after.message()))


def result(model: Model) -> Reply:
    """Return the reply that carries a result, or says that it is larger than a message may be."""
    values = model.model_dump(mode="json")
    if len(to_json(values)) > MOST_BYTES:
        detail = Detail(problem="the answer is too large for one message", cure="Ask for less at once.")
        return refused(Refusal("invalid_field", "The answer is too large for one message.", (detail,)))
    return Reply(ok=True, result=values)


def refused(refusal: Refusal) -> Reply:
    """Return the reply that says why not."""
    body = ErrorBody(
        code=refusal.code,
        message=refusal.message,
        retryable=refusal.code in RETRYABLE,
        details=refusal.details,
        facts=_json(refusal.facts),
    )
    return Reply(ok=False, error=body)


def _json(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts hold times; a stored reply must be the one that was sent, so they become texts once, here."""
    texts: dict[str, Any] = ErrorBody(code="invalid_field", message="", facts=dict(facts)).model_dump(mode="json")[
        "facts"
    ]
    return texts
