from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.notifier.domain import Notification, acknowledge, recover, remind, report, wanted
from tests.unit.notifier.events import START, reported

Step = tuple[str, bool]
histories = st.lists(st.tuples(st.sampled_from(["report", "recover"]), st.booleans()), min_size=1, max_size=8)


def play(history: list[Step], order: list[int]) -> tuple[Notification | None, int]:
    """Deliver events in some order, as a consumer with its guard does."""
    stored: Notification | None = None
    heard = 0
    for index in order:
        what, switch = history[index]
        sequence = index + 1
        if what == "report":
            after = report(stored, reported(sequence, notify_expired_refresh_token=switch), heard)
        else:
            after = None if stored is None else recover(stored, sequence, START)
        if after is None:
            heard = max(heard, sequence)
        stored = after or stored
    return stored, heard


@given(histories, st.data())
def test_order_and_repetition_do_not_decide_whether_it_is_open(history: list[Step], data: st.DataObject) -> None:
    indexes = list(range(len(history)))
    shuffled = data.draw(st.permutations(indexes + indexes))
    straight, _ = play(history, indexes)
    mixed, _ = play(history, shuffled)

    def is_open(one: Notification | None) -> bool:
        return one is not None and one.state != "resolved"

    assert is_open(mixed) is is_open(straight)
    what, switch = history[-1]
    assert is_open(straight) is (what == "report" and wanted(reported(notify_expired_refresh_token=switch)))


@given(st.lists(st.sampled_from(["report", "recover", "remind", "acknowledge"]), max_size=20))
def test_the_sequence_rises_with_every_change_and_only_then(steps: list[str]) -> None:
    one: Notification | None = None
    for number, step in enumerate(steps, start=1):
        before = one
        now = START + timedelta(days=number)
        if step == "report":
            one = report(one, reported(number)) or one
        elif one is not None and step == "recover":
            one = recover(one, number, now) or one
        elif one is not None and step == "remind":
            one = remind(one, now) or one
        elif one is not None:
            one = acknowledge(one, None, "anna", now) or one
        if before is not None and one is not None and one.state != before.state:
            assert one.sequence == before.sequence + 1
