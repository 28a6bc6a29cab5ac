"""Cutting a file into records: each keeps its own lines, and a bad one spoils no other."""

import pytest

from grantkeeper.strict_yaml import StrictYamlError, join_records, load, split_records

FILE = """\
# exported on a Tuesday
---
# the first one
- Name: First   # comment
  Config:
    Scope: a

# about the second,
# in two lines
-   Name: Second
    Config:
      Text: |
        - not a record
        # not a comment
- Name: Third
"""


def test_each_record_is_its_own_lines_with_the_comments_above_it() -> None:
    records = split_records(FILE)
    assert [record.text for record in records] == [
        "# the first one\nName: First   # comment\nConfig:\n  Scope: a\n",
        (
            "# about the second,\n# in two lines\nName: Second\n"
            "Config:\n  Text: |\n    - not a record\n    # not a comment\n"
        ),
        "Name: Third\n",
    ]
    assert [(record.index, record.start_line, record.indent) for record in records] == [
        (0, 3, 2),
        (1, 8, 4),
        (2, 15, 2),
    ]


def test_a_place_in_a_record_is_translated_to_its_file() -> None:
    second = split_records(FILE)[1]
    span = load(second.text).spans[("Config", "Text")]
    line, column = second.place(span.line, span.column)
    assert FILE.splitlines()[line - 1][column - 1 :] == "|"


def test_a_single_mapping_is_one_record() -> None:
    (record,) = split_records("---\n# mine\nName: Only\nConfig:\n- a\n- b\n")
    assert (record.text, record.start_line) == ("# mine\nName: Only\nConfig:\n- a\n- b\n", 2)


def test_an_empty_file_has_no_records() -> None:
    assert split_records("") == []
    assert split_records("---\n# nothing\n\n") == []


def test_a_dash_on_a_line_of_its_own_starts_a_record() -> None:
    (first, second) = split_records("-\n  Name: a\n-  # note\n  Name: b\n")
    assert load(first.text).data == {"Name": "a"}
    assert load(second.text).data == {"Name": "b"}


def test_an_indented_sequence_is_cut_too() -> None:
    records = split_records("  - Name: a\n    X: y\n  - Name: b\n")
    assert [record.text for record in records] == ["Name: a\nX: y\n", "Name: b\n"]


def test_windows_line_ends_stay() -> None:
    records = split_records("- Name: a\r\n  X: y\r\n- Name: b\r\n")
    assert [record.text for record in records] == ["Name: a\r\nX: y\r\n", "Name: b\r\n"]


def test_one_bad_record_spoils_no_other() -> None:
    records = split_records("- Name: a\n- Name: 'open\n  X: [\n- Name: c\n")
    assert load(records[0].text).data == {"Name": "a"}
    assert load(records[2].text).data == {"Name": "c"}
    with pytest.raises(StrictYamlError):
        load(records[1].text)


@pytest.mark.parametrize("text", ["- Name: a\nConfig: b\n", "-   Name: a\n  Config: b\n", "  - Name: a\n Config: b\n"])
def test_bad_indentation_is_not_straightened_out(text: str) -> None:
    (record,) = split_records(text)
    with pytest.raises(StrictYamlError) as caught:
        load(record.text)
    assert record.place(caught.value.line, caught.value.column)[0] == 2


@pytest.mark.parametrize(
    ("text", "line"),
    [("- a: b\n---\n- c: d\n", 2), ("a: b\n---\nc: d\n", 2), ("- a: b\n...\nc: d\n", 3), ("--- {a: b}\n", 1)],
)
def test_a_file_of_several_documents_is_refused_with_the_line(text: str, line: int) -> None:
    with pytest.raises(StrictYamlError) as caught:
        split_records(text)
    assert (caught.value.code, caught.value.line) == ("not_one_document", line)


def test_joined_records_are_cut_to_the_same_texts() -> None:
    texts = [record.text for record in split_records(FILE)]
    joined = join_records(texts)
    assert [record.text for record in split_records(joined)] == texts
    assert join_records(record.text for record in split_records(joined)) == joined


def test_texts_with_markers_dashes_or_without_a_last_line_end_can_be_joined() -> None:
    joined = join_records(["---\nName: a\n...\n", "- Name: b\n  X: y", "# c\nName: c"])
    assert [record.text for record in split_records(joined)] == ["Name: a\n", "Name: b\nX: y\n", "# c\nName: c\n"]


def test_ten_thousand_records_are_cut() -> None:
    text = join_records(f"Name: config {number}\nConfig:\n  Scope: a\n" for number in range(10_000))
    records = split_records(text)
    assert len(records) == 10_000
    assert records[9_999].start_line == 2 + 3 * 9_999
