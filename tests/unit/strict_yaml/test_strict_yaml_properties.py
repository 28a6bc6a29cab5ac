"""Whatever the text: an answer or a StrictYamlError, and what is written is read back the same."""

from hypothesis import given
from hypothesis import strategies as st

from grantkeeper.strict_yaml import (
    Node,
    StrictYamlError,
    dump,
    join_records,
    load,
    replace_scalar,
    split_records,
)
from grantkeeper.strict_yaml.reading import FORBIDDEN

_TEXT = st.text().filter(lambda text: not FORBIDDEN.search(text)).map(lambda text: text.replace("\r", ""))
_KEYS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,20}", fullmatch=True) | st.sampled_from(["no", "1", "~", "a: b", "ü"])
_NODES: st.SearchStrategy[Node] = st.recursive(
    st.none() | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)
_MAPPINGS = st.dictionaries(_KEYS, _NODES, min_size=1, max_size=5)
_YAML_LIKE = st.text(st.sampled_from("ab:-#'\"[]{}|>&*!%@`,?~ \t\n\\0\x00é\u2028"), max_size=60)


@given(_MAPPINGS)
def test_what_is_written_is_read_back(mapping: dict[str, Node]) -> None:
    assert load(dump(mapping)).data == mapping


@given(_YAML_LIKE | st.text())
def test_any_text_is_read_or_refused_at_a_place_inside_it(text: str) -> None:
    refused = _refused(text)
    if refused is not None:
        assert 1 <= refused.line <= text.count("\n") + text.count("\r") + 2
        assert refused.column >= 1


def _refused(text: str) -> StrictYamlError | None:
    try:
        load(text)
    except StrictYamlError as error:
        return error
    return None


@given(_YAML_LIKE)
def test_any_text_is_cut_or_refused(text: str) -> None:
    try:
        records = split_records(text)
    except StrictYamlError:
        return
    assert [record.index for record in records] == list(range(len(records)))


@given(st.lists(_MAPPINGS, min_size=1, max_size=4))
def test_records_survive_joining_and_cutting(mappings: list[dict[str, Node]]) -> None:
    texts = [dump(mapping) for mapping in mappings]
    records = split_records(join_records(texts))
    assert [load(record.text).data for record in records] == mappings


@given(_MAPPINGS, st.data())
def test_one_value_changes_and_no_other(mapping: dict[str, Node], data: st.DataObject) -> None:
    scalars = sorted(key for key, value in mapping.items() if not isinstance(value, dict | list))
    if not scalars:
        return
    key = data.draw(st.sampled_from(scalars))
    value = data.draw(_TEXT)
    assert load(replace_scalar(dump(mapping), (key,), value)).data == {**mapping, key: value}
