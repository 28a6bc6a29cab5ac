"""A file of token configs, cut and sealed: every record on its own, no secret in the clear, every place kept."""

import pytest

from grantkeeper.crypto.ring import VaultRing
from grantkeeper.process.clock import SYSTEM_IDS
from grantkeeper.strict_yaml import StrictYamlError, load, split_records
from grantkeeper.transfer import SEALED, Prepared, chunks, export_text, foreseen, prepare
from grantkeeper_client import open_for_installation
from schemas.config_commands import CHUNK_MAX_BYTES, RECORD_MAX_BYTES
from schemas.config_results import RecordReport

RING = VaultRing.new("test")
SECRET = "canary-1f2e"


def record(name: str = "A", secret: str = SECRET, url: str = "https://issuer.test/token", more: str = "") -> str:
    return (
        f"- Name: {name}  # kept\n"
        "  Config:\n"
        f"{more}"
        "    ClientID: client-1\n"
        f"    ClientSecret: {secret}\n"
        "    Requests:\n"
        "      TokenByRefreshToken:\n"
        f"        Request: {{URL: {url}}}\n"
    )


def prepared(text: str) -> Prepared:
    return prepare(text.encode(), RING.installation_public_jwk(), SYSTEM_IDS)


def opened(text: str, host: str) -> str:
    sealed = load(text).data["Config"]["ClientSecret"]  # type: ignore[index,call-overload]
    return open_for_installation(
        RING.installation_private_jwks(),
        str(sealed),
        use="client_secret",
        bound={"client_id": "client-1", "host": host},
    )


def test_a_plain_secret_is_sealed_in_place_and_all_else_stays() -> None:
    found = prepared("---\n" + record()).records
    assert [(one.index, one.line) for one in found] == [(0, 2)]
    assert SECRET not in found[0].text
    assert "Name: A  # kept\n" in found[0].text
    assert opened(found[0].text, "issuer.test") == SECRET


def test_a_secret_is_bound_to_its_client_and_host() -> None:
    port = prepared(record(url="https://issuer.test:8443/token")).records[0].text
    assert opened(port, "issuer.test:8443") == SECRET
    program = record().replace("TokenByRefreshToken", "TokenByClientCredentials")
    assert opened(prepared(program).records[0].text, "issuer.test") == SECRET
    discovered = record(more="    Grantkeeper: {Issuer: 'https://found.test/realm', Discovery: true}\n").replace(
        "        Request: {URL: https://issuer.test/token}\n", "        Request: {URL: }\n"
    )
    assert opened(prepared(discovered).records[0].text, "found.test") == SECRET


@pytest.mark.parametrize("secret", ["", "~", "sealed:abc.def"])
def test_what_is_no_plain_secret_stays_as_it_is(secret: str) -> None:
    assert f"ClientSecret: {secret}" in prepared(record(secret=secret)).records[0].text


def report(index: int, name: str | None, outcome: str) -> RecordReport:
    return RecordReport.model_validate({"index": index, "line": index + 1, "name": name, "outcome": outcome})


def test_a_dry_run_foresees_a_name_that_stands_in_an_earlier_chunk() -> None:
    """Each chunk of a dry run is decided alone; a real import of the same file would refuse the second of two."""
    records = prepared("".join(record(name, "", f"https://{n}.test/") for n, name in enumerate("ABAAB"))).records
    records = (*records[:3], records[0].model_copy(update={"index": 3}), records[4])
    reports = [
        report(0, "A", "added"),
        report(1, "B", "skipped"),
        report(2, " a", "overwritten"),
        report(3, "A", "added"),
        report(4, "B", "skipped"),
    ]
    found = foreseen(reports, records)
    assert [one.outcome for one in found] == ["added", "skipped", "refused", "unchanged", "skipped"]
    assert [one.code for one in found[2].findings] == ["duplicate_name"]
    assert foreseen([report(0, None, "refused"), report(1, None, "refused")], ()) == [
        report(0, None, "refused"),
        report(1, None, "refused"),
    ]


def test_one_bad_record_spoils_no_other_and_names_its_line() -> None:
    found = prepared(record("A") + "- Name: B\n  Config: [\n" + record("C"))
    assert [one.index for one in found.records] == [0, 2]
    (refused,) = found.refused
    assert (refused.index, refused.outcome, refused.line, refused.name) == (1, "refused", 8, "B")
    assert refused.findings[0].line in {8, 9, 10}
    assert refused.findings[0].cure


def test_a_bad_record_does_not_tell_its_secret() -> None:
    found = prepared(f"- Name: A\n  Config:\n    ClientSecret: {SECRET}\n    ClientSecret: {SECRET}\n")
    assert SECRET not in repr(found)
    assert found.refused[0].findings[0].code == "yaml_duplicate_key"


def test_a_record_that_sealing_makes_too_long_is_refused() -> None:
    filler = f"    Comment: {'x' * (RECORD_MAX_BYTES - 400)}\n"
    found = prepared(record(more=filler))
    assert found.records == ()
    assert found.refused[0].findings[0].code == "yaml_size"


def test_a_file_that_cannot_be_cut_is_refused_whole() -> None:
    with pytest.raises(StrictYamlError, match="second document"):
        prepared("- Name: A\n---\n- Name: B\n")
    with pytest.raises(StrictYamlError):
        prepare(b"\xff\xfe", RING.installation_public_jwk(), SYSTEM_IDS)


def test_chunks_keep_order_count_and_size() -> None:
    many = prepared("".join(record(f"N{number}") for number in range(250))).records
    sizes = [len(chunk) for chunk in chunks(many)]
    assert sizes == [100, 100, 50]
    assert [one for chunk in chunks(many) for one in chunk] == list(many)
    long = f"    Comment: {'ü' * 30_000}\n"
    big = prepared("".join(record(f"N{number}", more=long) for number in range(20))).records
    for chunk in chunks(big):
        assert sum(len(one.text.encode()) for one in chunk) <= CHUNK_MAX_BYTES
    assert sum(len(chunk) for chunk in chunks(big)) == 20


def test_an_export_can_be_cut_again() -> None:
    texts = [one.text for one in prepared(record("A") + record("B")).records]
    assert [one.text for one in split_records(export_text(texts))] == texts
    assert SEALED in texts[0]
