"""Names: written one way, and the same or not the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantkeeper.names import display_name, name_in, name_key


@pytest.mark.parametrize(
    ("given_name", "written"),
    [
        ("Support", "Support"),
        ("  Support \t mailbox\n", "Support mailbox"),
        ("Cafe\u0301", "Café"),
        ("Support\u00a0\u2003mailbox", "Support mailbox"),
        ("日本語", "日本語"),
        ("x" * 250, "x" * 250),
    ],
)
def test_a_name_is_written_one_way(given_name: str, written: str) -> None:
    assert display_name(given_name) == written


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("# Mail\nName: Znuny broken  # kept\nConfig: [\n", "Znuny broken"),
        ('Name: "Help #1"\r\nConfig: {\r\n', "Help #1"),
        ("Config:\n  Name: inner\n", None),
        ("Name: [\n", None),
        ("Name: |\n  text\n", None),
        ("Name: a\u200bb\n", None),
        ("Name:\n", None),
    ],
)
def test_a_record_that_cannot_be_read_is_known_by_the_name_it_shows(text: str, name: str | None) -> None:
    assert name_in(text) == name


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("", "at least one visible character"),
        (" \n ", "at least one visible character"),
        ("x" * 251, "at most 250 characters, this one has 251"),
        ("a\x00b", "U\\+0000"),
        ("a\u200bb", "U\\+200B"),
        ("a\u202eb", "U\\+202E"),
        ("\ud800", "U\\+D800"),
    ],
)
def test_a_name_that_cannot_be_is_refused_with_the_cure(bad: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        display_name(bad)


def test_names_that_differ_in_case_blanks_or_composition_are_one() -> None:
    assert name_key("Support  Mailbox") == name_key(" support mailbox")
    assert name_key("CAFE\u0301") == name_key("café")
    assert name_key("STRASSE") == name_key("Straße")
    assert name_key("Support 1") != name_key("Support 2")


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    try:
        name = display_name(text)
    except ValueError:
        return
    assert display_name(name) == name
    assert name_key(name_key(name)) == name_key(name) == name_key(text)
