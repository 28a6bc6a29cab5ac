from dataclasses import replace
from typing import Any

from grantkeeper.crypto.ring import VaultRing
from grantkeeper.names import name_key
from schemas.config_commands import ConfigImport, ImportRecord
from schemas.token_config import TokenConfig
from services.config_service import document
from services.config_service.domain.imports import Decided, decide, read_records
from services.config_service.domain.values import StoredConfig
from tests.unit.config_service.stored import ANNA, VAULT, config, sealed, stored, with_secret

RINGS = VAULT.entries.keys()
IMPORT_ID = "01900000-0000-7000-8000-00000000aaaa"


def config_id(number: int) -> str:
    return f"01900000-0000-7000-8000-0000000001{number:02}"


def record(number: int, text: str) -> ImportRecord:
    return ImportRecord(index=number, line=number * 100 + 1, config_id=config_id(number), text=text)


def text_of(name: str = "Support", **fields: Any) -> str:
    return document.write(with_secret(config(name=name, **fields)))


def run(texts: list[str], *held: StoredConfig, ids: frozenset[str] = frozenset(), **command: Any) -> list[Decided]:
    records = tuple(record(number, text) for number, text in enumerate(texts))
    holders = {name_key(name): one for one in held for name in one.held_names}
    import_ = ConfigImport(import_id=IMPORT_ID, chunk=0, records=records, **command)
    return decide(read_records(records, RINGS), holders, ids, import_, ANNA)


def outcomes(decided: list[Decided]) -> list[str]:
    return [one.report.outcome for one in decided]


def codes(one: Decided) -> list[str]:
    return [finding.code for finding in one.report.findings]


def test_new_names_are_added_with_their_own_text() -> None:
    text = text_of() + "# kept\n"
    (one,) = run([text])
    assert (one.report.outcome, one.report.config_id, one.report.revision) == ("added", config_id(0), 1)
    assert one.change is not None
    assert (one.change.after.text, one.change.after.import_id) == (text, IMPORT_ID)


def test_a_bad_record_does_not_spoil_its_neighbours() -> None:
    plain = text_of("C").replace("ClientSecret: sealed:", "ClientSecret: plain")
    decided = run([text_of("A"), "Name: [", plain, text_of("D")])
    assert outcomes(decided) == ["added", "refused", "refused", "added"]
    assert "plain_secret" in codes(decided[2])
    assert [one.report.name for one in decided] == ["A", None, "C", "D"]
    line = decided[1].report.findings[0].line
    assert line is not None
    assert line > 100, "lines are those of the file"


def test_of_two_records_with_one_name_the_first_counts() -> None:
    decided = run([text_of("A"), text_of(" a ")])
    assert outcomes(decided) == ["added", "refused"]
    assert codes(decided[1])[0] == "duplicate_name"


def test_a_duplicate_in_another_chunk_of_the_same_file_is_found() -> None:
    earlier = replace(stored(), import_id=IMPORT_ID)
    (one,) = run([text_of(scope="other")], earlier, overwrite=True)
    assert (one.report.outcome, codes(one)[0]) == ("refused", "duplicate_name")


def test_an_import_that_changes_nothing_says_so() -> None:
    text = text_of()
    (one,) = run([text], stored(_config(text), text), overwrite=True)
    assert (one.report.outcome, one.change) == ("unchanged", None)


def test_what_exists_is_left_alone_unless_overwriting_is_asked_for() -> None:
    before = stored()
    (left,) = run([text_of(scope="mail.send")], before)
    assert (left.report.outcome, left.change, codes(left)[0]) == ("skipped", None, "exists")
    (over,) = run([text_of(scope="mail.send")], before, overwrite=True)
    assert (over.report.outcome, over.report.config_id, over.report.revision) == ("overwritten", before.config_id, 2)
    assert codes(over)[0] == "new_login_advised"


def test_overwriting_with_another_client_says_that_a_login_is_needed() -> None:
    (one,) = run([text_of(client_id="other")], stored(), overwrite=True)
    assert codes(one)[0] == "new_login_required"


def test_another_template_is_refused() -> None:
    (one,) = run([text_of(template="Another")], stored(), overwrite=True)
    assert one.report.outcome == "refused"
    assert one.report.findings[0].field == "Config.TemplateName"


def test_a_former_name_and_a_deleted_config_hold_their_names() -> None:
    renamed = replace(stored(_config(text_of("Sales"))), former_names=("Support",))
    (former,) = run([text_of()], renamed, overwrite=True)
    assert (former.report.outcome, codes(former)[0]) == ("refused", "name_taken")
    (deleted,) = run([text_of()], replace(stored(), deleted_at=ANNA.at), overwrite=True)
    assert (deleted.report.outcome, codes(deleted)[0]) == ("refused", "name_taken")


def test_an_id_that_is_taken_is_refused() -> None:
    (one,) = run([text_of()], ids=frozenset({config_id(0)}))
    assert (one.report.outcome, codes(one)[0]) == ("refused", "id_taken")


def test_a_secret_sealed_for_another_host_is_refused() -> None:
    text = text_of().replace("https://idp.example.test/token", "https://other.example.test/token")
    (one,) = run([text])
    assert (one.report.outcome, codes(one)) == ("refused", [*codes(one)[:-1], "secret_bound_elsewhere"])


def test_a_secret_of_another_installation_is_imported_with_a_warning() -> None:
    """Everything but the secret is of use here: the state will be client_fault until it is typed again."""
    foreign = sealed(config(), vault=VaultRing.new("another"))
    (one,) = run([document.write(config(client_secret=foreign))])
    assert one.report.outcome == "added"
    assert (one.report.findings[0].level, one.report.findings[0].code) == ("warning", "secret_of_another_installation")
    assert one.report.findings[0].cure
    (ours,) = run([text_of()])
    assert "secret_of_another_installation" not in codes(ours)


def _config(text: str) -> TokenConfig:
    read = document.read(text).config
    assert read is not None
    return read
