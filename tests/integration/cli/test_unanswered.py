"""An import whose service goes away: what is stored is said, and the same import can be run again."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from grantkeeper.cli import config_files
from grantkeeper.crypto import private_file
from grantkeeper_client import Envelope, dump_credential
from schemas.config_commands import ConfigImport
from schemas.config_results import ImportReport, RecordReport
from tests.integration.answering import AnsweringService, Reply, failed, ok
from tests.integration.cli.installation import run

if TYPE_CHECKING:
    from tests.servers import KafkaServer

SHORT = timedelta(seconds=3)  # what is waited for an answer that does not come; one that comes has time enough
RECORDS = "".join(f"- Name: Token {number}\n  Config: {{ClientID: x}}\n" for number in range(250))


@pytest.fixture
async def service(kafka: "KafkaServer", prefix: str, tmp_path: Path) -> AsyncIterator[AnsweringService]:
    async with AnsweringService(kafka.bootstrap_servers, prefix).running() as running:
        private_file.write_new(tmp_path / "credential.json", dump_credential(running.credential))
        (tmp_path / "many.yml").write_text(RECORDS, encoding="utf-8")
        yield running


def stored(question: Envelope) -> Reply:
    """Answer as config_service does when it stored every record of a chunk."""
    command = ConfigImport.model_validate_json(question.value or b"")
    reports = tuple(RecordReport(index=one.index, line=one.line, outcome="added") for one in command.records)
    report = ImportReport(import_id=command.import_id, chunk=command.chunk, dry_run=False, records=reports)
    return ok(**report.model_dump(mode="json"))


def chunk(question: Envelope) -> int:
    return ConfigImport.model_validate_json(question.value or b"").chunk


async def imported(folder: Path) -> tuple[int, str, str]:
    arguments = ("config", "import", str(folder / "many.yml"), "--credential", str(folder / "credential.json"))
    ran = await asyncio.to_thread(run, *arguments)
    return ran.code, ran.out, ran.err


async def test_chunks_go_out_in_order_under_one_import(service: AnsweringService, tmp_path: Path) -> None:
    service.answer = lambda question: [stored(question)]
    assert await imported(tmp_path) == (0, "250 added\n", "")
    commands = [ConfigImport.model_validate(one) for one in service.asked]
    assert [(one.chunk, len(one.records)) for one in commands] == [(0, 100), (1, 100), (2, 50)]
    assert len({one.import_id for one in commands}) == 1
    assert [record.index for one in commands for record in one.records] == list(range(250))


async def test_a_chunk_that_nobody_answered_is_sent_once_more_as_the_same_message(
    service: AnsweringService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one may have been stored: under the same id doing it twice is the same as once."""
    monkeypatch.setattr(config_files, "BULK", SHORT)
    unanswered: set[str | None] = set()

    def answer(question: Envelope) -> list[Reply]:
        if chunk(question) == 1 and (not unanswered or question.correlation_id in unanswered):
            unanswered.add(question.correlation_id)
            return []
        return [stored(question)]

    service.answer = answer
    assert (await imported(tmp_path))[0] == 0
    tries = {question.correlation_id: question.id for _, question in service.taken if chunk(question) == 1}
    assert len(tries) == 2
    assert len(set(tries.values())) == 1
    assert len({question.id for _, question in service.taken}) == 3


async def test_an_import_that_breaks_off_says_how_far_it_came(
    service: AnsweringService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_files, "BULK", SHORT)
    service.answer = lambda question: [stored(question)] if chunk(question) == 0 else []
    code, out, err = await imported(tmp_path)
    assert (code, out) == (75, "")
    assert "nobody answered for the records from line 201 on" in err
    assert "100 before it are stored (last one from line 199)" in err


async def test_an_answer_of_another_version_is_a_fault_and_shows_no_content(
    service: AnsweringService, tmp_path: Path
) -> None:
    service.answer = lambda _: [ok(surprise="planted-content")]
    code, _, err = await imported(tmp_path)
    assert code == 70
    assert "ImportReport" in err
    assert "planted-content" not in err


async def test_every_detail_of_a_refusal_is_told(service: AnsweringService, tmp_path: Path) -> None:
    detail = {"record": 7, "field": "Config.ClientSecret", "line": 15, "problem": "it is plain", "cure": "Seal it."}
    service.answer = lambda _: [failed("plain_secret", details=[detail])]
    code, _, err = await imported(tmp_path)
    assert code == 65
    assert "record 7, line 15, field Config.ClientSecret: it is plain. Seal it." in err
