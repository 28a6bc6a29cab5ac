"""Spans of time as a person says them, and rows without anything to say."""

from datetime import timedelta

import pytest

from services.console.views import row, span
from services.console.words import load_catalogue
from tests.console_samples import NOW, status

ENGLISH = load_catalogue().choose("en", "")


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (timedelta(seconds=-5), "0 s"),
        (timedelta(seconds=40), "40 s"),
        (timedelta(seconds=119), "119 s"),
        (timedelta(seconds=120), "2 min"),
        (timedelta(minutes=41, seconds=20), "41 min"),
        (timedelta(minutes=119), "119 min"),
        (timedelta(hours=2), "2 h"),
        (timedelta(hours=47), "47 h"),
        (timedelta(hours=49), "2 days"),
        (timedelta(days=90), "90 days"),
    ],
)
def test_a_span_is_said_in_its_largest_unit(length: timedelta, said: str) -> None:
    assert span(length, ENGLISH) == said


def test_a_refresh_token_that_ended_says_when() -> None:
    shown = row(status(refresh_token_expires_at=NOW - timedelta(days=1)), NOW, ENGLISH)
    assert shown.refresh_token == "refresh token ended on 2026-11-23"


def test_a_refresh_token_that_ends_soon_is_a_warning() -> None:
    shown = row(status(refresh_token_expires_at=NOW + timedelta(days=5)), NOW, ENGLISH)
    assert shown.warnings == ("Refresh token ends on 2026-11-29",)


def test_a_program_that_logs_in_by_itself_has_no_refresh_token_to_speak_of() -> None:
    shown = row(status(has_refresh_token=False), NOW, ENGLISH)
    assert shown.refresh_token == "no refresh token"
    assert shown.action == "refresh"
