from hypothesis import given
from hypothesis import strategies as st

from schemas.config_commands import ConfigImport, ImportRecord
from schemas.config_results import ImportReport
from schemas.findings import Finding
from services.config_service import document
from services.config_service.domain.imports import decide, read_records
from services.config_service.domain.reading import LONGEST_FIELD, bounded, read
from services.config_service.pages import PAGE_MAX_BYTES
from tests.unit.config_service.stored import ANNA, config, sealed, with_secret

LEVELS = st.sampled_from(["error", "warning", "note"])


@given(st.lists(LEVELS), st.integers(1, 10))
def test_what_is_left_out_is_counted_and_errors_stay(levels: list[str], most: int) -> None:
    findings = [Finding.model_validate({"level": level, "code": "x", "message": "."}) for level in levels]
    shown = bounded(findings, most)
    assert len(shown) == min(len(levels), most + 1)
    if len(levels) > most:
        assert shown[-1].message == f"{len(levels) - most} more."
    if "error" in levels:
        assert shown[0].level == "error"


def test_a_record_with_a_secret_for_another_client_is_no_config() -> None:
    text = document.write(config(client_secret=sealed(config(client_id="other"))))
    record = read(text)
    assert record.config is None
    assert record.findings[0].code == "secret_bound_elsewhere"
    assert read(document.write(with_secret(config()))).config is not None


def test_the_report_on_the_worst_chunk_fits_into_a_reply() -> None:
    """A hundred records, each with many things to say, some under keys as long as YAML takes."""
    odd = "".join(f"  {'k' * 900}{number}: {{a: b}}\n" for number in range(5))
    text = document.write(config()).replace("Config:\n", f"Config:\n{odd}", 1) + "Grantkeeper: {}\n"
    extra = "".join(f"  U{number}: {{}}\n" for number in range(40))
    records = tuple(
        ImportRecord(
            index=number,
            line=1,
            config_id=f"01900000-0000-7000-8000-0000000001{number:02}",
            text=text.replace("Name: Support", f"Name: Support {number}").replace("Config:\n", f"Config:\n{extra}", 1),
        )
        for number in range(100)
    )
    command = ConfigImport(import_id="01900000-0000-7000-8000-00000000aaaa", chunk=0, records=records)
    decided = decide(read_records(records, {"r1"}), {}, frozenset(), command, ANNA)
    reports = tuple(one.report for one in decided)
    assert all(len(report.findings) > 5 for report in reports)
    assert all(len(one.field or "") <= LONGEST_FIELD + 3 for report in reports for one in report.findings)
    report = ImportReport(import_id=command.import_id, chunk=0, dry_run=False, records=reports)
    assert len(report.model_dump_json().encode()) < PAGE_MAX_BYTES
