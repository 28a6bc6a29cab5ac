"""Replacing one scalar keeps every other byte; writing reads back the same."""

import pytest

from grantkeeper.strict_yaml import Node, StrictYamlError, dump, load, replace_scalar, set_scalar

TEXT = """\
# The support mailbox
Name: Support   # shown in the overview
Config:
  ClientID: 0123
  ClientSecret: 'it''s plain'  # from the portal

  Scope: "a b"
ValidID: 1
"""


def test_a_quoted_secret_is_replaced_and_comments_stay() -> None:
    sealed = "sealed:eyJhbGciOiJFQ0RILUVTIn0..abc-_.def.ghi"
    assert replace_scalar(TEXT, ("Config", "ClientSecret"), sealed) == TEXT.replace("'it''s plain'", sealed)


def test_an_empty_value_is_filled_in_beside_its_comment() -> None:
    assert replace_scalar("a:  # fill in\nb: x\n", ("a",), "v") == "a: v  # fill in\nb: x\n"
    assert replace_scalar("a:\nb: x\n", ("a",), "v") == "a: v\nb: x\n"
    assert replace_scalar("a: ~\n", ("a",), "v") == "a: v\n"


def test_a_block_scalar_is_replaced_by_one_line() -> None:
    text = "a:\n  s: |\n    line one\n    line two\n  b: x\n"
    assert replace_scalar(text, ("a", "s"), "v") == "a:\n  s: v\n  b: x\n"


def test_a_value_in_a_flow_mapping_is_replaced() -> None:
    assert replace_scalar("{a: b, c: d}\n", ("a",), "x, y") == "{a: 'x, y', c: d}\n"
    assert replace_scalar("{a: , c: d}\n", ("a",), "v") in {"{a: v, c: d}\n", "{a: v , c: d}\n", "{a:  v, c: d}\n"}


@pytest.mark.parametrize(
    "value", ["no", "~", "", "a: b", "# x", "'", '"', "line\nbreak", "ü", "- x", "[x]", " x ", "1"]
)
def test_a_value_that_needs_quotes_gets_them(value: str) -> None:
    edited = load(replace_scalar(TEXT, ("Name",), value)).data
    assert isinstance(edited, dict)
    assert edited["Name"] == value


def test_a_missing_key_is_added_on_top_of_its_mapping() -> None:
    assert set_scalar("a: x\nb:\n  c: y\n", ("b", "new"), "v") == "a: x\nb:\n  new: v\n  c: y\n"
    assert set_scalar("# head\na: x\n", ("new",), None) == "# head\nnew:\na: x\n"
    assert set_scalar("a: x\r\n", ("new",), "v") == "new: v\r\na: x\r\n"


def test_what_is_no_single_value_is_not_replaced() -> None:
    with pytest.raises(StrictYamlError) as caught:
        replace_scalar(TEXT, ("Config",), "v")
    assert (caught.value.code, caught.value.line) == ("path_missing", 4)
    with pytest.raises(StrictYamlError):
        replace_scalar(TEXT, ("Config", "Nothing"), "v")
    with pytest.raises(StrictYamlError):
        set_scalar("a:\n", ("a", "b"), "v")


def test_the_same_mapping_twice_is_written_out_twice() -> None:
    shared: dict[str, Node] = {"x": "y"}
    text = dump({"a": dict(shared), "b": shared, "c": shared})
    assert "&" not in text
    assert load(text).data == {"a": shared, "b": shared, "c": shared}


def test_small_numbers_stay_bare_and_guessable_strings_are_quoted() -> None:
    assert dump(
        {"ValidID": "1", "a": "0123", "b": "no", "c": "12:30:45", "d": "1.5", "e": None, "f": "2026-11-24"}
    ) == ("ValidID: 1\na: '0123'\nb: 'no'\nc: '12:30:45'\nd: '1.5'\ne:\nf: '2026-11-24'\n")


def test_long_lines_are_not_folded() -> None:
    scope = " ".join(f"https://example.test/scope{number}" for number in range(100))
    assert dump({"Scope": scope}) == f"Scope: {scope}\n"
