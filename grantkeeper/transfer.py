"""Files of token configs, in and out: what the CLI and the console do to a file before and after it is on the bus.

An import file is cut into its records and every plain client secret is sealed here, in the process of the person who
sends it; what cannot be read is refused record by record, with its line in the file. Pure: bytes in, records out.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, get_args

from grantkeeper.names import name_in, name_key
from grantkeeper.oauth2.client_identity import secret_binding
from grantkeeper.oauth2.parameters import flow_of
from grantkeeper.process.clock import Ids
from grantkeeper.strict_yaml import (
    FILE_LIMIT,
    Node,
    RecordText,
    StrictYamlError,
    decode,
    join_records,
    load,
    replace_scalar,
    split_records,
)
from grantkeeper_client import seal_to_installation
from schemas.config_commands import CHUNK_MAX_BYTES, CHUNK_MAX_RECORDS, RECORD_MAX_BYTES, ImportRecord
from schemas.config_results import RecordReport
from schemas.findings import Finding
from schemas.token_config import AuthFlow, Options, RequestBlock, RequestType, TokenConfig

SEALED: Final = "sealed:"
_SECRET: Final = ("Config", "ClientSecret")
_ENVELOPE_BYTES: Final = 200
"""What a record's id, line and index add to its text in a command."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """One file: what can be sent, and what cannot."""

    records: tuple[ImportRecord, ...]
    refused: tuple[RecordReport, ...]


def prepare(raw: bytes, installation_key: Mapping[str, Any], ids: Ids) -> Prepared:
    """Cut a file and seal its secrets; raises StrictYamlError where the file itself cannot be cut."""
    return seal_all(cut(raw), installation_key, ids)


def cut(raw: bytes) -> list[RecordText]:
    """Cut a file into its records; raises StrictYamlError where it cannot be cut."""
    if len(raw) > FILE_LIMIT:
        cure = "Split it into several files."
        raise StrictYamlError("size", 1, 1, f"the file is longer than {FILE_LIMIT} bytes", cure)
    return split_records(decode(raw))


def seal_all(records: Iterable[RecordText], installation_key: Mapping[str, Any], ids: Ids) -> Prepared:
    """Seal the secrets of some records, each by itself: some milliseconds of processor time for each."""
    sealed: list[ImportRecord] = []
    refused: list[RecordReport] = []
    for record in records:
        try:
            text = seal_record(record.text, installation_key)
        except StrictYamlError as error:
            refused.append(_refusal(record, error))
        else:
            sealed.append(ImportRecord(index=record.index, line=record.start_line, config_id=ids.uuid7(), text=text))
    return Prepared(tuple(sealed), tuple(refused))


def chunks(records: Iterable[ImportRecord]) -> Iterator[tuple[ImportRecord, ...]]:
    """Group records as one command may carry them, in the order of the file."""
    chunk: list[ImportRecord] = []
    size = 0
    for record in records:
        length = len(record.model_dump_json().encode()) + _ENVELOPE_BYTES
        if chunk and (len(chunk) == CHUNK_MAX_RECORDS or size + length > CHUNK_MAX_BYTES):
            yield tuple(chunk)
            chunk, size = [], 0
        chunk.append(record)
        size += length
    if chunk:
        yield tuple(chunk)


def foreseen(reports: Iterable[RecordReport], records: Iterable[ImportRecord]) -> list[RecordReport]:
    """Add to the reports of a dry run what only a real import sees: a name that an earlier chunk takes.

    Each chunk is decided by what is stored, and a dry run stores nothing. `reports` of the whole file, in its order.
    """
    texts = {record.index: record.text for record in records}
    taken: dict[str, str] = {}
    told: list[RecordReport] = []
    for report in reports:
        key = name_key(report.name or "")
        if report.outcome not in {"added", "overwritten"}:
            told.append(report)
        elif key in taken:
            told.append(_again(report, same=taken[key] == texts.get(report.index)))
        else:
            taken[key] = texts.get(report.index, "")
            told.append(report)
    return told


def _again(report: RecordReport, *, same: bool) -> RecordReport:
    if same:
        return report.model_copy(update={"outcome": "unchanged"})
    message = "The same name stands in an earlier part of this import; that record counts."
    finding = Finding(
        level="error", code="duplicate_name", field="Name", message=message, cure="Rename one of the two."
    )
    nothing = {"outcome": "refused", "config_id": None, "revision": None}
    return report.model_copy(update={**nothing, "findings": (finding, *report.findings)})


def export_text(texts: Iterable[str]) -> str:
    """Write records as one file that can be imported again."""
    return join_records(texts)


def export_name(now: datetime) -> str:
    """Name an export file as admins know it."""
    return f"OAuth2TokenConfigurationExport_{now:%Y%m%d_%H%M%S}.yml"


def seal_record(text: str, installation_key: Mapping[str, Any]) -> str:
    """Seal a plain client secret in the text of one record; raises StrictYamlError where it cannot be read."""
    data = load(text).data
    config = _mapping(data).get("Config")
    secret = _mapping(config).get("ClientSecret")
    if not isinstance(secret, str) or not secret or secret.startswith(SEALED):
        return text
    bound = secret_binding(_identity(_mapping(config)))
    sealed = seal_to_installation(installation_key, secret, use="client_secret", bound=bound)
    return _fitting(replace_scalar(text, _SECRET, sealed))


def _fitting(text: str) -> str:
    if len(text.encode()) > RECORD_MAX_BYTES:
        problem = f"the record is longer than {RECORD_MAX_BYTES} bytes once its client secret is sealed"
        raise StrictYamlError("size", 1, 1, problem, "Shorten its comments.")
    return text


def _identity(config: Mapping[str, Node]) -> TokenConfig:
    """Read from a record what a sealed secret is bound to: client id, flow, token addresses, issuer."""
    requests = _mapping(config.get("Requests"))
    kinds: tuple[RequestType, ...] = get_args(RequestType)
    blocks = {kind: RequestBlock(url=_url(requests.get(kind))) for kind in kinds if kind in requests}
    return TokenConfig(
        name="record",
        template="record",
        auth_flow=_flow(config, requests),
        client_id=_text(config.get("ClientID")),
        requests=blocks,
        options=Options(issuer=_text(_mapping(config.get("Grantkeeper")).get("Issuer"))),
    )


def _flow(config: Mapping[str, Node], requests: Mapping[str, Node]) -> AuthFlow:
    flows: tuple[AuthFlow, ...] = get_args(AuthFlow)
    return next((flow for flow in flows if flow == config.get("AuthFlow")), flow_of(requests))


def _url(block: Node) -> str | None:
    return _text(_mapping(_mapping(block).get("Request")).get("URL"))


def _mapping(node: Node) -> Mapping[str, Node]:
    return node if isinstance(node, dict) else {}


def _text(node: Node) -> str | None:
    return node if isinstance(node, str) and node else None


def _refusal(record: RecordText, error: StrictYamlError) -> RecordReport:
    line, column = record.place(error.line, error.column)
    finding = Finding(
        level="error", code=f"yaml_{error.code}", line=line, column=column, message=error.problem, cure=error.cure
    )
    return RecordReport(
        index=record.index, line=record.start_line, name=name_in(record.text), outcome="refused", findings=(finding,)
    )
