"""Import and export: a chunk is one transaction and one report, an export is the records' own texts."""

import json
from typing import Any

import pytest

from grantkeeper.process.clock import SYSTEM_IDS
from grantkeeper_client import Asker, ReplyError
from schemas.config_commands import ConfigDelete, ConfigExport, ConfigGet, ConfigImport, ImportRecord
from services.config_service import document
from services.config_service.pages import PAGE_MAX_BYTES
from tests.integration.config_service.service import Service, ask
from tests.unit.config_service.stored import config

IMPORT_ID = "01900000-0000-7000-8000-00000000aaaa"


def text_of(name: str, **fields: Any) -> str:
    return document.write(config(name=name, **fields)) + f"# {name}, by hand\n"


def chunk(*texts: str, number: int = 0, **more: Any) -> ConfigImport:
    records = tuple(
        ImportRecord(index=index, line=index * 50 + 1, config_id=SYSTEM_IDS.uuid7(), text=text)
        for index, text in enumerate(texts)
    )
    return ConfigImport.model_validate({"import_id": IMPORT_ID, "chunk": number, "records": records, **more})


def outcomes(report: Any) -> list[str]:
    return [one["outcome"] for one in report["records"]]


async def export(asker: Asker, **more: Any) -> list[str]:
    records: list[str] = []
    cursor = None
    while True:
        page = await ask(asker, ConfigExport(cursor=cursor, **more))
        assert len(json.dumps(dict(page), ensure_ascii=False).encode()) <= PAGE_MAX_BYTES
        records += page["records"]
        cursor = page["cursor"]
        if cursor is None:
            return records


async def test_a_chunk_is_stored_record_by_record_with_its_own_texts(service: Service, admin: Asker) -> None:
    report = await ask(admin, chunk(text_of("A"), "Name: [", text_of("B"), text_of("a")))
    assert outcomes(report) == ["added", "refused", "added", "refused"]
    assert report["records"][1]["findings"][0]["line"] > 50
    view = await ask(admin, ConfigGet(config="A"))
    assert (view["text"], view["config_id"]) == (text_of("A"), report["records"][0]["config_id"])
    event = await service.event_of_revision(view["config_id"], 1)
    assert event.config.name == "A"


async def test_importing_the_same_again_changes_nothing(service: Service, admin: Asker) -> None:
    texts = [text_of(name) for name in "ABC"]
    await ask(admin, chunk(*texts))
    again = await ask(admin, chunk(*texts, overwrite=True))
    assert outcomes(again) == ["unchanged"] * 3
    assert [one["revision"] for one in again["records"]] == [1, 1, 1]
    assert sorted(await export(admin)) == sorted(texts)


async def test_overwriting_happens_only_when_asked_for(service: Service, admin: Asker) -> None:
    first = await ask(admin, chunk(text_of("A")))
    other = chunk(text_of("A", scope="other"), text_of("B")).model_copy(update={"import_id": SYSTEM_IDS.uuid7()})
    assert outcomes(await ask(admin, other)) == ["skipped", "added"]
    again = other.model_copy(update={"import_id": SYSTEM_IDS.uuid7(), "overwrite": True})
    report = await ask(admin, again)
    assert outcomes(report) == ["overwritten", "unchanged"]
    assert report["records"][0]["config_id"] == first["records"][0]["config_id"]
    assert report["records"][0]["revision"] == 2


async def test_a_dry_run_reports_and_stores_nothing(service: Service, admin: Asker) -> None:
    report = await ask(admin, chunk(text_of("A"), dry_run=True))
    assert (outcomes(report), report["dry_run"]) == (["added"], True)
    with pytest.raises(ReplyError, match="no token config"):
        await ask(admin, ConfigGet(config="A"))


async def test_a_copy_of_a_tried_chunk_is_not_read_anew(service: Service, admin: Asker) -> None:
    tried = chunk(text_of("A"), dry_run=True)
    assert outcomes(await ask(admin, tried, message_id="tried-0")) == ["added"]
    await ask(admin, chunk(text_of("A")))
    assert outcomes(await ask(admin, tried, message_id="tried-0")) == ["added"]
    assert outcomes(await ask(admin, tried)) == ["unchanged"]


async def test_a_name_twice_in_one_file_is_found_across_chunks(service: Service, admin: Asker) -> None:
    await ask(admin, chunk(text_of("A"), number=0))
    report = await ask(admin, chunk(text_of("A", scope="other"), number=1, overwrite=True))
    assert outcomes(report) == ["refused"]
    assert report["records"][0]["findings"][0]["code"] == "duplicate_name"


async def test_a_plain_secret_refuses_its_record_alone_and_is_told_with_its_place(
    service: Service, admin: Asker
) -> None:
    plain = text_of("A").replace("ClientSecret:", "ClientSecret: canary-7")
    report = await ask(admin, chunk(plain, text_of("B")))
    assert outcomes(report) == ["refused", "added"]
    finding = next(one for one in report["records"][0]["findings"] if one["code"] == "plain_secret")
    assert "partition" in finding["message"]
    assert "Replace this secret at the provider" in finding["cure"]
    assert "canary-7" not in json.dumps(dict(report))


async def test_an_export_comes_in_pages_that_hold_everything_once(service: Service, admin: Asker) -> None:
    filler = "# " + "ü" * 14_000 + "\n"
    texts = [text_of(f"Mailbox {number:03}") + filler for number in range(60)]
    for start in range(0, 60, 15):
        report = await ask(admin, chunk(*texts[start : start + 15], number=start))
        assert outcomes(report) == ["added"] * 15
    assert sorted(await export(admin)) == sorted(texts)
    page = await ask(admin, ConfigExport())
    assert 0 < len(page["records"]) < 60


async def test_an_export_of_named_configs_holds_these_and_no_deleted_ones_otherwise(
    service: Service, admin: Asker
) -> None:
    report = await ask(admin, chunk(text_of("A"), text_of("B"), text_of("C")))
    await ask(admin, ConfigDelete(config_id=report["records"][1]["config_id"]))
    assert await export(admin) == [text_of("A"), text_of("C")]
    assert await export(admin, configs=("c",)) == [text_of("C")]
    with pytest.raises(ReplyError, match="no token config 'Z'"):
        await export(admin, configs=("A", "Z"))
