"""Whatever is asked, the answer fits into a message, and says the same however it is kept."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.config_results import HistoryEntry, PrincipalPage
from schemas.principals import PrincipalChanged
from schemas.replies import Reply
from services.config_service import outcome
from services.config_service.domain.difference import LONGEST_LINE, MAX_LINES, difference
from services.config_service.domain.values import Refusal
from services.config_service.pages import PAGE_MAX_BYTES, fitting
from tests.unit.config_service.stored import NOW


@given(st.lists(st.integers(1, 200_000), max_size=30))
def test_a_page_holds_what_fits_and_at_least_one(sizes: list[int]) -> None:
    shown = fitting(sizes, lambda size: size)
    assert list(shown) == sizes[: len(shown)]
    assert bool(shown) is bool(sizes)
    assert sum(shown) <= PAGE_MAX_BYTES
    if len(shown) < len(sizes):
        assert sum(sizes[: len(shown) + 1]) > PAGE_MAX_BYTES - 4_096


def test_the_largest_difference_is_far_smaller_than_a_page() -> None:
    lines = difference("\n".join("a" * 600 for _ in range(2_000)), "\n".join("b" * 600 for _ in range(2_000)))
    assert len(lines) == MAX_LINES + 1
    assert max(map(len, lines)) <= LONGEST_LINE + 3
    entry = HistoryEntry(revision=2, at=NOW, actor="a", principal="a", action="edited", difference=lines)
    assert len(entry.model_dump_json()) < PAGE_MAX_BYTES / 2


def test_an_answer_that_no_message_can_hold_says_so() -> None:
    configs = tuple(f"01900000-0000-7000-8000-{number:012d}" for number in range(1_000))
    everyone = tuple(
        PrincipalChanged(principal=f"mail-{number}", role="mail", version=1, configs=configs, sequence=1)
        for number in range(30)
    )
    reply = outcome.result(PrincipalPage(principals=everyone))
    assert reply.error is not None
    assert "too large" in reply.error.message
    assert outcome.result(PrincipalPage(principals=everyone[:5])).ok


@given(st.dictionaries(st.text(max_size=5), st.one_of(st.integers(-(2**53), 2**53), st.text(), st.just(NOW))))
def test_a_refusal_reads_back_as_the_bytes_that_were_sent(facts: dict[str, Any]) -> None:
    reply = outcome.refused(Refusal("name_taken", "taken", (), facts))
    kept = reply.model_dump(mode="json")
    assert Reply.model_validate(kept).model_dump_json(exclude_none=True) == reply.model_dump_json(exclude_none=True)
