"""The soak's own judgement, on journals written by hand: it must find what it is there to find."""

from itertools import islice
from typing import Any

from devstack.provider.journal import Entry
from tests.soak.judging import Found, judge
from tests.soak.noted import Kill, Planted
from tests.soak.plan import Life, lives

ONE = Planted("config-1", "strict", "amy@example.test", "a")
KILL = Kill(Life(0, 1, None, 1, 3.0), after=9.98, at=10.0, at_point=False)


def refresh(number: int, secret: str, issued: str | None, at: float, **more: Any) -> Entry:
    values = {"caller": KILL.life.name, "ending": "answered", "outcome": "ok", "finished_at": at + 0.1, **more}
    return Entry(number, "token", "strict", "app", "refresh_token", secret, None, at, issued=issued, **values)


def reuse(number: int, secret: str, at: float) -> Entry:
    return refresh(number, secret, None, at, outcome="invalid_grant")


def found(
    journal: list[Entry], *, told: int = 1, kind: str = "lost_rotation", over: bool = True, unusable: bool = True
) -> Found:
    return Found(
        journal=journal,
        ended={"amy@example.test": "reuse"},
        kept=frozenset({"config-1"}),
        over=frozenset({"config-1"} if over else ()),
        notices=[("config-1", kind)] * told,
        unusable=["config-1"] if unusable else [],
    )


def test_a_login_whose_answer_was_lost_is_excused_if_it_was_told_once() -> None:
    journal = [refresh(1, "a", "b", 1), refresh(2, "b", "c", 5, ending="lost"), reuse(3, "b", 6)]
    assert judge([ONE], [], found(journal)).problems == ()
    assert len(judge([ONE], [], found(journal, told=2)).problems) == 1
    assert len(judge([ONE], [], found(journal, told=0)).problems) == 1
    assert len(judge([ONE], [], found(journal, over=False)).problems) == 2
    again = Planted("config-1", "strict", "amy2@example.test", "z")
    assert judge([ONE, again], [], found(journal, over=False, unusable=False)).problems == ()
    assert len(judge([ONE, again], [], found(journal)).problems) == 1


def test_a_login_is_excused_where_the_answer_died_with_its_process() -> None:
    journal = [refresh(1, "a", "b", 9), reuse(2, "a", 30)]
    assert judge([ONE], [KILL], found(journal)).problems == ()
    assert "was lost, answered and sent again: request 1" in judge([ONE], [], found(journal)).problems[0]


def test_a_client_that_hung_up_is_excused_only_by_a_kill_at_that_moment() -> None:
    journal = [refresh(1, "a", "b", 9.89, finished_at=9.99, ending="client_gone"), reuse(2, "a", 30)]
    assert judge([ONE], [KILL], found(journal)).problems == ()
    assert "was lost, given up and sent again" in judge([ONE], [], found(journal)).problems[0]
    seen_late = [refresh(1, "a", "b", 9.7, finished_at=9.9, ending="client_gone"), reuse(2, "a", 30)]
    assert judge([ONE], [KILL], found(seen_late)).problems == ()
    before_the_kill = [refresh(1, "a", "b", 8, finished_at=9, ending="client_gone"), reuse(2, "a", 30)]
    assert "was lost, given up" in judge([ONE], [KILL], found(before_the_kill)).problems[0]


def test_a_lost_answer_is_told_as_one_unless_it_came_as_another_answer() -> None:
    lost = [refresh(1, "a", "b", 1, ending="lost"), reuse(2, "a", 6)]
    assert (
        "call a lost answer an ended login" in judge([ONE], [], found(lost, kind="expired_refresh_token")).problems[0]
    )
    otherwise = [refresh(1, "a", "b", 1, outcome="http_502"), reuse(2, "a", 6)]
    assert judge([ONE], [], found(otherwise, kind="expired_refresh_token")).problems == ()


def test_a_stored_answer_that_is_asked_for_again_is_a_defect() -> None:
    long_before = [refresh(1, "a", "b", 1), reuse(2, "a", 30)]
    assert "was lost" in judge([ONE], [KILL], found(long_before)).problems[0]
    by_another = [refresh(1, "a", "b", 9, caller="life-1-1"), reuse(2, "a", 30)]
    assert "was lost" in judge([ONE], [KILL], found(by_another)).problems[0]
    stored_later_ones = [
        refresh(1, "a", "b", 5),
        refresh(2, "x", "y", 8),
        refresh(3, "y", "z", 28, caller="life-0-2"),
        reuse(4, "a", 30),
    ]
    assert "was lost" in judge([ONE], [KILL], found(stored_later_ones)).problems[0]
    assert judge([ONE], [KILL], found([*stored_later_ones[:2], stored_later_ones[3]])).problems == ()


def test_two_open_requests_with_one_refresh_token_are_a_defect() -> None:
    journal = [refresh(1, "a", "b", 1, finished_at=3.0), reuse(2, "a", 2)]
    assert any("spent one refresh token" in problem for problem in judge([ONE], [], found(journal)).problems)


def test_an_end_that_nobody_asked_for_is_a_defect() -> None:
    assert "no request of ours" in judge([ONE], [], found([refresh(1, "a", "b", 1)])).problems[0]


def test_a_refused_refresh_token_that_nobody_was_told_of_is_a_defect() -> None:
    quiet = Found([], {}, frozenset({"config-1"}), frozenset(), [], ["config-1"])
    assert judge([ONE], [], quiet).problems == ("config-1: its refresh token is refused, and nobody was told",)


def test_a_grant_that_vanished_is_a_defect() -> None:
    nothing = Found([], {}, frozenset(), frozenset(), [], [])
    assert judge([ONE], [], nothing).problems == ("config-1: nothing is stored of it any more",)


def test_a_seed_fixes_the_lives_of_each_process() -> None:
    assert list(islice(lives(7, 0), 50)) == list(islice(lives(7, 0), 50))
    assert list(islice(lives(7, 0), 50)) != list(islice(lives(7, 1), 50))
    assert list(islice(lives(7, 0), 50)) != list(islice(lives(8, 0), 50))
