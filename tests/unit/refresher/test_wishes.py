"""Who waits with whom for one wish."""

from datetime import timedelta

from services.refresher.domain.record import Waiter, Wish
from services.refresher.domain.serving import WAITERS_MAX
from services.refresher.wishes import joined
from tests.unit.refresher.records import NOW

SOON = NOW + timedelta(seconds=10)


def rejected(*numbers: int) -> Wish:
    askers = tuple(Waiter(f"mail:{number}", {}, deadline=SOON) for number in numbers)
    return Wish("report_rejected:1", "report_rejected", "mail", 1, askers=askers)


def test_who_asks_for_the_same_waits_with_the_others_and_once() -> None:
    other = Wish("refresh:1", "refresh", "admin", 1)
    assert joined((other, rejected(1, 2)), rejected(2), NOW) == (other, rejected(1, 2))
    assert joined((other,), rejected(1), NOW) == (other, rejected(1))


def test_no_more_than_the_limit_wait_for_one_wish() -> None:
    full = (rejected(*range(WAITERS_MAX)),)
    assert joined(full, rejected(WAITERS_MAX), NOW) is None
    assert joined(full, rejected(0), NOW) is not None, "who waits already asks again"


def test_who_has_stopped_listening_makes_room() -> None:
    full = (rejected(*range(WAITERS_MAX)),)
    late = Waiter("mail:late", {}, deadline=SOON + timedelta(seconds=10))
    wish = Wish("report_rejected:1", "report_rejected", "mail", 1, askers=(late,))
    assert joined(full, wish, SOON) == (wish,)
