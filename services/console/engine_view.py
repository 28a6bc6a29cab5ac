"""The engine's clients in words: what holds one up, until when, and what cures it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.token_requests import EngineClient
from services.console.views import ENDS_SOON, Colour, day, span
from services.console.words import Words


@dataclass(frozen=True, slots=True)
class ClientRow:
    """One client as the page System shows it."""

    facts: EngineClient
    state: str
    colour: Colour
    cure: str | None
    notes: tuple[str, ...]


def client(facts: EngineClient, now: datetime, words: Words) -> ClientRow:
    """Put one client into words."""
    colour, key = _state(facts, now)
    cure = words.known(f"cure.{facts.cure_id}", facts.cure or "") or None if facts.cure_id else facts.cure
    return ClientRow(facts, words(f"system.client_{key}"), colour, cure, tuple(_notes(facts, now, words)))


def overdue(seconds: float, words: Words) -> str:
    """Say how long the first grant has waited to be refreshed; nothing where none does."""
    return words("system.overdue", span=span(timedelta(seconds=seconds), words)) if seconds >= 1 else ""


def _state(facts: EngineClient, now: datetime) -> tuple[Colour, str]:
    if facts.fault is not None:
        return "bad", "fault"
    if facts.breaker_until is not None and facts.breaker_until > now:
        return "warn", "silent"
    if facts.held_until is not None and facts.held_until > now:
        return "warn", "patience"
    return "good", "well"


def _notes(facts: EngineClient, now: datetime, words: Words) -> list[str]:
    waits = max((until for until in (facts.breaker_until, facts.held_until) if until), default=now)
    found = [words("system.asked_again", span=span(waits - now, words))] if waits > now else []
    if facts.candidate_secret:
        found.append(words("system.candidate_secret"))
    if facts.secret_ends_at and facts.secret_ends_at <= (now + ENDS_SOON).date():
        found.append(words("token.secret_ends_soon", date=day(facts.secret_ends_at)))
    return found
