"""The search for planted secrets finds them in every spelling, wherever in a longer text they stand."""

from base64 import b64encode, urlsafe_b64encode
from pathlib import Path
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.e2e.canaries import hits, spellings

SECRET = "canary/with+signs=&and~more 1234567890"


@given(before=st.binary(max_size=40), after=st.binary(max_size=40))
def test_base64_of_a_longer_text_holds_the_secret_whatever_stands_around_it(before: bytes, after: bytes) -> None:
    for encode in (b64encode, urlsafe_b64encode):
        text = encode(before + SECRET.encode() + after)
        assert any(form in text for form in spellings(SECRET)["base64"])


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        (SECRET, "raw"),
        (urlencode({"client_secret": SECRET}), "URL-encoded"),
        (quote(SECRET), "URL-encoded"),
        (quote_plus(SECRET), "URL-encoded"),
    ],
)
def test_a_planted_secret_is_found(tmp_path: Path, text: str, spelling: str) -> None:
    place = tmp_path / "log"
    place.write_text(f"before {text} after")
    assert f"client secret ({spelling}) in {place}" in hits([place], {"client secret": SECRET})


def test_a_clean_file_has_no_hit(tmp_path: Path) -> None:
    place = tmp_path / "log"
    place.write_text("nothing of it " * 100)
    assert hits([place], {"client secret": SECRET}) == []
