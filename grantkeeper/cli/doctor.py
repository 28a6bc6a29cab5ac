"""`grantkeeper doctor`: is everything well, and if not, what is to be done: one look at all that the bus can tell.

Each question stands for itself: what one service does not answer keeps no other from being asked.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta
from typing import Annotated, Final, TypeVar

import typer

from grantkeeper.cli import exit_codes
from grantkeeper.cli.asking import Questions, session_of
from grantkeeper.cli.dead_letters import read_dead_letters
from grantkeeper.cli.environment import Environment
from grantkeeper.cli.output import FormatOption, note, sentence, structured, table
from grantkeeper.process.clock import SYSTEM_CLOCK
from grantkeeper_client import NoReply, ReplyError
from schemas.config_commands import TemplateList
from schemas.config_results import TemplatePage
from schemas.dead_letters import DeadLetter
from schemas.envelope import Message, Model
from schemas.findings import Finding
from schemas.notification_commands import NotificationList, NotificationPage
from schemas.token_requests import EngineStatus, EngineStatusGet, TokenList, TokenPage

PATIENCE: Final = timedelta(seconds=5)
"""For each service: one that works answers in a few hundredths of a second."""
LATE: Final = 60.0
"""Seconds that a due refresh may wait before it is worth a word: a poll and the longest call are over by then."""
LATELY: Final = timedelta(days=1)

Look = Callable[[Questions], Awaitable[list[Finding]]]
Result = TypeVar("Result", bound=Model)


def doctor(
    context: typer.Context,
    output: FormatOption = "table",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only what is wrong.")] = False,
) -> None:
    """Look whether everything works; ends with 69 where something needs a person."""
    session = session_of(context)
    findings = [*session.run(_ask_all), *_of_dead_letters(session.environment)]
    shown = [finding for finding in findings if finding.level != "note" or not quiet]
    if not structured(shown, output):
        rows = [(_SIGN[one.level], one.code, f"{sentence(one.message)} {one.cure}".strip()) for one in shown]
        if rows:
            table(("", "CHECK", "FOUND"), rows)
        else:
            note("nothing is wrong")
    if any(finding.level == "error" for finding in findings):
        raise typer.Exit(exit_codes.UNAVAILABLE)


_SIGN: Final = {"note": "ok", "warning": "look", "error": "WRONG"}


async def _ask_all(questions: Questions) -> list[Finding]:
    looks: Sequence[tuple[str, Look]] = (
        ("config_service", _at_config_service),
        ("refresher", _at_refresher),
        ("tokens", _at_tokens),
        ("notifier", _at_notifier),
    )
    found = await asyncio.gather(*(_unless_unanswered(service, look, questions) for service, look in looks))
    return [finding for findings in found for finding in findings]


async def _unless_unanswered(service: str, look: Look, questions: Questions) -> list[Finding]:
    try:
        return await look(questions)
    except NoReply as error:
        return [_wrong(service, str(error), "Look at the service's /readyz and its last log lines.")]
    except ReplyError as error:
        if error.code == "not_permitted":
            return [_well(service, "answers; this principal may not see more")]
        return [_wrong(service, str(error), "")]


async def _at_config_service(questions: Questions) -> list[Finding]:
    page = await _quickly(questions, TemplateList(), TemplatePage)
    return [_well("config_service", f"answers, knows {len(page.templates)} templates")]


async def _at_refresher(questions: Questions) -> list[Finding]:
    return list(of_engine(await _quickly(questions, EngineStatusGet(), EngineStatus)))


async def _at_tokens(questions: Questions) -> list[Finding]:
    return list(of_tokens(await _quickly(questions, TokenList(limit=1), TokenPage)))


async def _at_notifier(questions: Questions) -> list[Finding]:
    page = await _quickly(questions, NotificationList(limit=1), NotificationPage)
    if page.total == 0:
        return [_well("notifier", "answers, nothing needs a person")]
    return [_look("notifier", f"{page.total} notifications are not resolved", "`grantkeeper notifications list`.")]


async def _quickly(questions: Questions, message: Message, result: type[Result]) -> Result:
    return await questions.ask(message, result, deadline=PATIENCE)


def of_engine(engine: EngineStatus) -> Iterator[Finding]:
    """Judge what all refreshers together are doing."""
    yield _well("refresher", f"answers, {engine.in_flight} attempts under way, {engine.due_now} grants are due")
    if engine.held is not None:
        cure = "If this is the only installation with these grants: `grantkeeper engine resume`."
        yield _wrong("engine", "nothing is refreshed: the database met another Kafka cluster than before", cure)
    if engine.stopped:
        yield _wrong("engine", f"nothing is refreshed: {engine.stopped_by} stopped it", "`grantkeeper engine resume`.")
    if engine.due_now and engine.overdue_seconds > LATE:
        cure = "Start another refresher, or look at `provider_seconds` of its metrics."
        yield _look("engine", f"refreshes are late by {engine.overdue_seconds:.0f} s", cure)
    for client in engine.clients:
        if client.fault is not None:
            found = f"{client.client_id} at {client.server}, {client.tokens} tokens: {client.code}"
            yield _wrong("client", found, client.cure or "")


def of_tokens(page: TokenPage) -> Iterator[Finding]:
    """Judge how many tokens are in which state."""
    states = Counter(page.states)
    yield _well("tokens", ", ".join(f"{number} {state}" for state, number in sorted(states.items())) or "none yet")
    for state in ("expired", "reauthorization_required"):
        if states[state]:
            cure = f"`grantkeeper token list --state {state}` says what each needs."
            yield _wrong("tokens", f"{states[state]} give no access token: {state}", cure)


def of_dead_letters(letters: Sequence[DeadLetter]) -> Finding:
    """Judge what could not be taken lately."""
    if not letters:
        return _well("dead letters", "none within a day")
    reasons = ", ".join(f"{number} {reason}" for reason, number in Counter(one.reason for one in letters).most_common())
    return _look("dead letters", f"within a day: {reasons}", "`grantkeeper dead-letters list` says where they are.")


def _of_dead_letters(environment: Environment) -> list[Finding]:
    try:
        letters = read_dead_letters(environment)
    except NoReply as error:
        return [_wrong("dead letters", str(error), "")]
    since = SYSTEM_CLOCK.now() - LATELY
    return [of_dead_letters([letter for letter in letters if letter.at >= since])]


def _code(check: str) -> str:
    return check.replace(" ", "_")


def _well(check: str, message: str) -> Finding:
    return Finding(level="note", code=_code(check), message=message)


def _look(check: str, message: str, cure: str) -> Finding:
    return Finding(level="warning", code=_code(check), message=message, cure=cure)


def _wrong(check: str, message: str, cure: str) -> Finding:
    return Finding(level="error", code=_code(check), message=message, cure=cure)
