"""A token config's YAML text and its parsed form, both ways. Pure.

Reading never raises: what is wrong is a finding with line, column and cure, and without the value. A client secret
must be sealed before it comes here; a plain one is told, never stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from grantkeeper.names import display_name
from grantkeeper.strict_yaml import Node, StrictDocument, StrictYamlError, dump, load, split_records
from schemas.findings import Finding
from schemas.token_config import TokenConfig
from services.config_service.notes import Notes, from_yaml_error
from services.config_service.rules import check
from services.config_service.znuny import fields_of, record_of, yaml_path

_SEALED: Final = "sealed:"


@dataclass(frozen=True, slots=True)
class Record:
    """What a text says; `config` is None where an error stands among the findings."""

    config: TokenConfig | None
    findings: tuple[Finding, ...]


def read(text: str, *, template: bool = False) -> Record:
    """Read one record, Znuny's or ours: a mapping, or a sequence of one."""
    try:
        document = _document(text)
    except StrictYamlError as error:
        return Record(None, (from_yaml_error(error),))
    notes = Notes(document, template=template)
    config = _typed(document.data, notes)
    if config is not None:
        check(config, notes)
    return Record(None if notes.failed else config, tuple(notes.findings))


def write(config: TokenConfig, base: str | None = None) -> str:
    """Write a config as text; reading it gives the same config. Keys of `base` unknown to us stay, comments do not."""
    record: Node = None
    if base is not None:
        try:
            record = _document(base).data
        except StrictYamlError:
            record = None  # a base that does not read has nothing to keep
    return dump(record_of(config, record if isinstance(record, dict) else {}))


def _document(text: str) -> StrictDocument:
    document = load(text)
    if not isinstance(document.data, list):
        return document
    records = split_records(text)
    if len(records) != 1:
        problem, cure = "here stand several records", "Import them as a file, or keep one."
        raise StrictYamlError("not_one_document", 1, 1, problem, cure)
    return _without_index(document)


def _without_index(document: StrictDocument) -> StrictDocument:
    # A sequence of one: the same places, one step less.
    (data,) = document.data if isinstance(document.data, list) else (None,)
    spans = {path[1:]: span for path, span in document.spans.items() if path}
    keys = {path[1:]: span for path, span in document.keys.items()}
    return StrictDocument(data, spans, keys)


def _typed(data: Node, notes: Notes) -> TokenConfig | None:
    if not isinstance(data, dict) or "Config" not in data:
        cure = "Write `Name:` and `Config:` as in a template or an export."
        notes.error("not_a_record", (), "This is no token config.", cure)
        return None
    fields = fields_of(data, notes)
    _check_secret(fields, notes)
    fields["name"] = _name(fields["name"], notes)
    try:
        return TokenConfig.model_validate(fields)
    except ValidationError as error:
        for one in error.errors(include_url=False, include_input=False):
            _explain(one, notes)
        return None


def _check_secret(fields: dict[str, Any], notes: Notes) -> None:
    secret = fields.get("client_secret")
    if secret is None or (isinstance(secret, str) and secret.startswith(_SEALED)):
        return
    message = "The client secret is not sealed."
    cure = "Send it through the console or the command line, which seal it first."
    notes.error("plain_secret", ("Config", "ClientSecret"), message, cure)
    del fields["client_secret"]


def _name(given: Any, notes: Notes) -> str:
    try:
        return display_name(given if isinstance(given, str) else "")
    except ValueError as error:
        sentence, _, cure = str(error).partition(": ")
        notes.error("name", ("Name",), f"{sentence[:1].upper()}{sentence[1:]}.", f"{cure[:1].upper()}{cure[1:]}.")
        return "?"


def _explain(error: ErrorDetails, notes: Notes) -> None:
    path = yaml_path(error["loc"])
    cure = _CURES.get(error["type"], "Correct it.")
    message = error["msg"].rstrip(".")
    notes.error("invalid_value", path, f"{message}.", cure.format_map(_Context(error.get("ctx") or {})))


class _Context(dict[str, Any]):
    """What a cure may name; nothing else comes from the value."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        super().__init__({key: known[key] for key in known.keys() & {"expected", "ge", "le", "max_length"}})

    def __missing__(self, key: str) -> str:
        return "?"


_CURES: Final = {
    "literal_error": "Write {expected}.",
    "bool_parsing": "Write 1 or 0.",
    "bool_type": "Write 1 or 0.",
    "int_parsing": "Write a whole number.",
    "int_type": "Write a whole number.",
    "greater_than_equal": "Write {ge} or more.",
    "less_than_equal": "Write {le} or less.",
    "string_too_long": "Write at most {max_length} characters.",
    "string_type": "Write one value.",
    "date_from_datetime_parsing": "Write a date as 2027-01-31.",
    "date_parsing": "Write a date as 2027-01-31.",
    "date_type": "Write a date as 2027-01-31.",
    "string_pattern_mismatch": "Write small letters, digits and hyphens only; a sealed secret must be complete.",
}
