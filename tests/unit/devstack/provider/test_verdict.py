"""What a journal proves, on journals written by hand."""

from typing import Any

from devstack.provider.journal import Entry
from devstack.provider.verdict import verdict


def refresh(number: int, secret: str, received: float, finished: float | None, **more: Any) -> Entry:
    values = {"issued": f"after-{secret}", "ending": "answered", "outcome": "ok", **more}
    return Entry(
        number=number,
        endpoint="token",
        realm=values.pop("realm", "strict"),
        client_id="app",
        grant_type="refresh_token",
        secret=secret,
        scope=None,
        received_at=received,
        finished_at=finished,
        **values,
    )


def test_one_refresh_after_another_is_in_order() -> None:
    found = verdict([refresh(1, "a", 0, 1), refresh(2, "b", 1, 2), refresh(3, "c", 2, 3)])
    assert (found.requests, found.overlapping, found.lost, found.sent_again) == (3, (), (), ())


def test_a_refresh_token_in_two_open_requests_is_spent_twice() -> None:
    assert verdict([refresh(1, "a", 0, 2), refresh(2, "a", 1, 3)]).overlapping == ((1, 2),)
    unfinished = verdict([refresh(1, "a", 0, None), refresh(2, "a", 9, 10)])
    assert (unfinished.overlapping, unfinished.still_open) == (((1, 2),), (1,))


def test_the_second_try_after_an_end_is_no_double_spending() -> None:
    found = verdict([refresh(1, "a", 0, 1, ending="client_gone"), refresh(2, "a", 1, 2)])
    assert (found.overlapping, found.lost, found.sent_again) == ((), (1,), (2,))


def test_an_error_in_place_of_the_answer_loses_it_too() -> None:
    assert verdict([refresh(1, "a", 0, 1, outcome="http_502")]).lost == (1,)


def test_two_providers_may_know_the_same_words() -> None:
    assert verdict([refresh(1, "a", 0, 2), refresh(2, "a", 1, 3, realm="grace")]).overlapping == ()


def test_what_issued_nothing_is_not_lost() -> None:
    assert verdict([refresh(1, "a", 0, 1, issued=None, ending="client_gone"), refresh(2, "a", 2, 3)]).sent_again == ()
    assert verdict([refresh(1, "a", 0, 1, issued=None, ending="client_gone")]).lost == ()
