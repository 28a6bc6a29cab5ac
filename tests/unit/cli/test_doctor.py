"""What `grantkeeper doctor` makes of the answers."""

from datetime import UTC, datetime

from grantkeeper.cli.doctor import LATE, of_dead_letters, of_engine, of_tokens
from schemas.dead_letters import DeadLetter
from schemas.findings import Finding
from schemas.token_requests import EngineClient, EngineStatus, TokenPage

QUIET = EngineStatus(stopped=False, due_now=0, overdue_seconds=0, in_flight=0, clients=())
CONTOSO = EngineClient(
    client="c" * 32,
    client_id="contoso",
    server="https://login.example.test",
    tokens=41,
    fault="client_fault",
    code="7000222",
    cure="Make a new client secret.",
)


def wrong(findings: list[Finding]) -> list[str]:
    return [f"{one.message} {one.cure}" for one in findings if one.level != "note"]


def test_an_engine_that_runs_is_well() -> None:
    assert [one.level for one in of_engine(QUIET)] == ["note"]


def test_a_stopped_engine_is_wrong_and_names_who_stopped_it_and_the_cure() -> None:
    stopped = QUIET.model_copy(update={"stopped": True, "stopped_by": "anna"})
    [told] = wrong(list(of_engine(stopped)))
    assert "anna stopped it" in told
    assert "engine resume" in told


def test_a_held_engine_says_when_to_resume() -> None:
    [told] = wrong(list(of_engine(QUIET.model_copy(update={"held": "another_cluster"}))))
    assert "If this is the only installation" in told


def test_late_refreshes_are_worth_a_look_only_after_a_while() -> None:
    late = QUIET.model_copy(update={"due_now": 3, "overdue_seconds": LATE + 1})
    assert [one.level for one in of_engine(late)] == ["note", "warning"]
    assert not wrong(list(of_engine(late.model_copy(update={"overdue_seconds": LATE}))))


def test_a_paused_client_is_told_with_its_number_of_tokens_and_its_cure() -> None:
    [told] = wrong(list(of_engine(QUIET.model_copy(update={"clients": (CONTOSO,)}))))
    assert all(part in told for part in ("contoso", "41 tokens", "7000222", "Make a new client secret."))


def test_a_client_without_fault_is_no_finding() -> None:
    well = CONTOSO.model_copy(update={"fault": None, "code": None, "cure": None})
    assert not wrong(list(of_engine(QUIET.model_copy(update={"clients": (well,)}))))


def test_tokens_that_give_nothing_are_wrong_and_counted() -> None:
    page = TokenPage(rows=(), total=6, states={"active": 3, "expired": 1, "reauthorization_required": 2})
    told = wrong(list(of_tokens(page)))
    assert [each.split()[0] for each in told] == ["1", "2"]
    assert not wrong(list(of_tokens(TokenPage(rows=(), total=3, states={"active": 2, "off": 1}))))


def test_dead_letters_are_counted_by_reason() -> None:
    letter = DeadLetter(
        service="refresher",
        topic="grantkeeper.token.requests",
        partition=0,
        offset=4,
        reason="wrong_signature",
        at=datetime(2026, 11, 24, tzinfo=UTC),
    )
    found = of_dead_letters([letter, letter])
    assert (found.level, "2 wrong_signature" in found.message) == ("warning", True)
    assert of_dead_letters([]).level == "note"
