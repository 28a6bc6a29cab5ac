"""The strict loader: what it reads, what it refuses, and where it says the fault is."""

import pytest

from grantkeeper.strict_yaml import Limits, StrictYamlError, decode, load


def test_every_scalar_stays_the_string_it_is_written_as() -> None:
    text = "a: no\nb: 0123\nc: 12:30:45\nd: 2026-11-24\ne: 1.10\nf: .inf\ng: 'quoted'\nh: 99999999999999999999\n"
    assert load(text).data == {
        "a": "no",
        "b": "0123",
        "c": "12:30:45",
        "d": "2026-11-24",
        "e": "1.10",
        "f": ".inf",
        "g": "quoted",
        "h": "99999999999999999999",
    }


def test_nothing_tilde_and_null_are_none_but_quoted_ones_are_strings() -> None:
    assert load("a:\nb: ~\nc: null\nd: ''\ne: '~'\nf: \"null\"\n").data == {
        "a": None,
        "b": None,
        "c": None,
        "d": "",
        "e": "~",
        "f": "null",
    }


def test_an_empty_text_and_a_comment_alone_are_none() -> None:
    assert load("").data is None
    assert load("# nothing here\n").data is None


def test_nested_mappings_and_sequences_are_read() -> None:
    assert load("a:\n  b: [x, {y: z}]\n  c:\n  - d\n").data == {"a": {"b": ["x", {"y": "z"}], "c": ["d"]}}


def test_places_of_values_and_keys_count_from_one() -> None:
    document = load("a: x\nb:\n  cc: yy\n")
    assert (document.spans[("b", "cc")].line, document.spans[("b", "cc")].column) == (3, 7)
    assert (document.keys[("b", "cc")].line, document.keys[("b", "cc")].column) == (3, 3)


def test_the_place_of_a_missing_path_is_that_of_its_nearest_ancestor() -> None:
    document = load("a: x\nb:\n  c: y\n")
    assert document.at(("b", "missing", "deeper")).line == 3
    assert document.at(("missing",)).line == 1


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("a: &x 1\n", "anchor", 1, 4),
        ("a: x\nb: *x\n", "anchor", 2, 4),
        ("a: x\n<<: {b: c}\n", "merge", 2, 1),
        ("a: 1\nb: 2\na: 3\n", "duplicate_key", 3, 1),
        ("a: !!str 1\n", "tag", 1, 4),
        ("a: !!python/object/apply:os.system [ls]\n", "tag", 1, 4),
        ("a: ! b\n", "tag", 1, 4),
        ("%TAG ! tag:x,2000:\n---\na: b\n", "tag", 1, 1),
        ("? [a]\n: b\n", "key", 1, 3),
        ("? {a: b}\n: c\n", "key", 1, 3),
        (": b\n", "syntax", 1, 1),
        ('"": b\n', "key", 1, 1),
        ('"a\\nb": c\n', "key", 1, 1),
        ("a: b\n---\nc: d\n", "not_one_document", 2, 1),
        ("a: x\x00\n", "characters", 1, 5),
        ("a: x\nb: \x85\n", "characters", 2, 4),
        ("a: \u2028\n", "characters", 1, 4),
        ("a: \ud800\n", "characters", 1, 4),
        ('a: "\\0"\n', "characters", 1, 4),
        ('a: x\n"\\u2028": y\n', "characters", 2, 1),
        ("a: b\n\tc: d\n", "syntax", 2, 1),
        ("a: b: c\n", "syntax", 1, 5),
        ("a: 'x\n", "syntax", 2, 1),
        ("a: [\n", "syntax", 2, 1),
        ("a: @x\n", "syntax", 1, 4),
    ],
)
def test_what_is_refused_names_its_place(text: str, code: str, line: int, column: int) -> None:
    with pytest.raises(StrictYamlError) as caught:
        load(text)
    assert (caught.value.code, caught.value.line, caught.value.column) == (code, line, column)
    assert caught.value.problem
    assert caught.value.cure.endswith(".")


def test_a_duplicate_key_tells_how_far_above_the_first_is() -> None:
    with pytest.raises(StrictYamlError, match="`ClientID` stands twice in one mapping, first 2 lines above"):
        load("x: y\nClientID: 1\nScope: s\nClientID: 2\n")


def test_a_key_that_may_be_a_misplaced_secret_is_not_repeated() -> None:
    secret = "s3cr3t~value/with+odd=characters"
    with pytest.raises(StrictYamlError) as caught:
        load(f"{secret}: 1\n{secret}: 2\n")
    assert secret not in str(caught.value)


def test_a_syntax_error_never_quotes_the_line() -> None:
    with pytest.raises(StrictYamlError) as caught:
        load("ClientSecret: 'planted-secret\nScope: x\n")
    assert "planted-secret" not in str(caught.value)


def test_nesting_is_limited_before_python_is() -> None:
    assert load("[" * 20 + "]" * 20).data is not None
    with pytest.raises(StrictYamlError) as caught:
        load("[" * 21 + "]" * 21)
    assert caught.value.code == "depth"
    with pytest.raises(StrictYamlError) as deep:
        load("[" * 30_000)
    assert deep.value.code == "depth"


def test_the_number_of_nodes_is_limited() -> None:
    with pytest.raises(StrictYamlError) as caught:
        load("[" + "x," * 5_000 + "]")
    assert caught.value.code == "nodes"


def test_size_counts_bytes_not_characters() -> None:
    assert load("a: " + "x" * 97, Limits(size=100)).data is not None
    with pytest.raises(StrictYamlError) as caught:
        load("a: " + "ä" * 50, Limits(size=100))
    assert caught.value.code == "size"


def test_an_alias_bomb_stops_at_its_first_anchor() -> None:
    bomb = "a: &a [x,x]\n" + "".join(f"{b}: &{b} [*{a},*{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    with pytest.raises(StrictYamlError) as caught:
        load(bomb)
    assert (caught.value.code, caught.value.line) == ("anchor", 1)


def test_bytes_are_utf_8_with_or_without_a_byte_order_mark() -> None:
    assert decode("ä".encode()) == "ä"
    assert decode(b"\xef\xbb\xbfa: b") == "a: b"
    with pytest.raises(StrictYamlError) as caught:
        decode(b"a: b\nc: \xe4\n")
    assert (caught.value.code, caught.value.line, caught.value.column) == ("encoding", 2, 4)
