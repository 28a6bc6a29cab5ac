"""Import with a preview and a report per record; export as one file."""

import asyncio
import re
from collections.abc import AsyncIterator
from hashlib import sha256

import pytest
from httpx import AsyncClient, Response

from grantkeeper.crypto.ring import VaultRing
from grantkeeper.strict_yaml import split_records
from grantkeeper_client import NoReply, open_for_installation
from schemas.config_commands import ConfigExport, ConfigImport
from schemas.config_results import ExportPage, ImportReport
from schemas.envelope import Message
from schemas.token_requests import TokenList
from tests.console_double import AnsweringBus, refusal
from tests.console_samples import config_id, fleet, import_report, page

SECRET = "canary-secret-77aa"
RECORD = f"""\
- Name: Sales
  Config:
    ClientID: client-1
    ClientSecret: {SECRET}
    Requests:
      TokenByRefreshToken:
        Request:
          URL: https://oauth2.googleapis.com/token
"""
BROKEN = "- Name: [\n"


async def send(browser: AsyncClient, text: str, **fields: str) -> Response:
    return await browser.post("/transfer/import", data=fields, files={"file": ("export.yml", text.encode())})


async def test_a_preview_stores_nothing_and_says_what_would_become(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers[ConfigImport] = import_report
    answer = await send(admin, RECORD * 2 + BROKEN, action="preview")
    assert bus.last(ConfigImport).dry_run
    assert "Preview. Nothing is stored yet." in answer.text
    assert "added 1, overwritten 1, unchanged 0, skipped 0, refused 1" in answer.text
    assert "will be added" in answer.text
    assert "line 18, column 1" in answer.text or "line 17" in answer.text
    assert "Import 2" in answer.text
    assert SECRET not in answer.text


async def test_secrets_are_sealed_before_the_bus_sees_them(
    admin: AsyncClient, bus: AnsweringBus, ring: VaultRing
) -> None:
    bus.answers[ConfigImport] = import_report
    await send(admin, RECORD, action="preview")
    text = bus.last(ConfigImport).records[0].text
    assert SECRET not in text
    sealed = re.search(r"ClientSecret: (sealed:\S+)", text)
    assert sealed is not None
    bound = {"client_id": "client-1", "host": "oauth2.googleapis.com"}
    opened = open_for_installation(ring.installation_private_jwks(), sealed[1], use="client_secret", bound=bound)
    assert opened == SECRET


async def test_the_import_is_of_the_file_that_was_previewed(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers[ConfigImport] = import_report
    digest = sha256(RECORD.encode()).hexdigest()
    answer = await send(admin, RECORD, action="import", previewed=digest, overwrite="1")
    command = bus.last(ConfigImport)
    assert (command.dry_run, command.overwrite) == (False, True)
    assert "Imported" in answer.text
    other = await send(admin, RECORD + BROKEN, action="import", previewed=digest)
    assert bus.last(ConfigImport).dry_run
    assert "This is another file than the one you previewed." in other.text


async def test_a_file_that_cannot_be_read_is_refused_with_its_place(admin: AsyncClient, bus: AnsweringBus) -> None:
    answer = await send(admin, "---\n- Name: A\n---\n- Name: B\n", action="preview")
    assert answer.status_code == 422
    assert "line 3, column 1" in answer.text
    assert (await send(admin, "", action="preview")).status_code == 422
    assert bus.asked == []


async def test_a_file_without_a_readable_record_needs_nobody(admin: AsyncClient, bus: AnsweringBus) -> None:
    answer = await send(admin, BROKEN, action="preview")
    assert "refused 1" in answer.text
    assert bus.asked == []


async def test_where_nobody_answers_any_more_the_page_says_what_is_stored(
    admin: AsyncClient, bus: AnsweringBus
) -> None:
    def first_chunk_alone(message: Message) -> ImportReport | Exception:
        assert isinstance(message, ConfigImport)
        return import_report(message) if message.chunk == 0 else NoReply("gone")

    bus.answers[ConfigImport] = first_chunk_alone
    answer = await send(admin, RECORD * 150, action="preview")
    assert "No answer after 100 of 150 records." in answer.text


async def test_a_chunk_that_nobody_answered_is_sent_once_more_as_the_same_message(
    admin: AsyncClient, bus: AnsweringBus
) -> None:
    def second_time(message: Message) -> ImportReport | Exception:
        return import_report(message) if len(bus.asked) == 2 else NoReply("busy")

    bus.answers[ConfigImport] = second_time
    answer = await send(admin, RECORD, action="preview")
    assert "added 1" in answer.text
    assert len(bus.message_ids) == 2
    assert set(bus.message_ids) == {f"{bus.last(ConfigImport).import_id}-0"}


async def test_a_long_file_goes_in_chunks_of_a_hundred(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers[ConfigImport] = import_report
    await send(admin, RECORD * 250, action="preview")
    chunks = [one for one in bus.asked if isinstance(one, ConfigImport)]
    assert [len(one.records) for one in chunks] == [100, 100, 50]
    assert [one.chunk for one in chunks] == [0, 1, 2]
    assert len({one.import_id for one in chunks}) == 1


async def test_while_a_long_file_is_read_others_get_their_pages(
    admin: AsyncClient, stranger: AsyncClient, bus: AnsweringBus
) -> None:
    bus.answers[ConfigImport] = import_report
    importing = asyncio.create_task(send(admin, RECORD * 100, action="preview"))
    pages = 0
    while not any(isinstance(one, ConfigImport) for one in bus.asked):
        assert (await stranger.get("/login")).status_code == 200
        pages += 1
        await asyncio.sleep(0)
    await importing
    # One is drawn before the file has arrived, one more where the whole file is read in one go.
    assert pages > 3


async def test_a_browser_waits_for_the_report_of_a_long_file(admin: AsyncClient) -> None:
    form = re.search('<form id="import"[^>]*>', (await admin.get("/transfer")).text)
    assert form is not None
    assert """hx-config='{"timeout": 0}'""" in form[0]


async def test_of_a_long_report_the_first_records_of_each_kind_are_listed(
    admin: AsyncClient, bus: AnsweringBus
) -> None:
    bus.answers[ConfigImport] = import_report
    text = (await send(admin, RECORD * 300 + BROKEN * 250, action="preview")).text
    assert "refused 349" in text
    assert text.count("gk-chip gk-bad") == 300
    assert text.count("<tr>") == 1 + 300 + 200
    assert "Shown are the first 300 refused ones and the first 200 others." in text


async def test_an_export_is_one_file_of_all_pages(admin: AsyncClient, bus: AnsweringBus) -> None:
    pages = {None: ExportPage(records=("Name: A\n",), cursor="2"), "2": ExportPage(records=("Name: B\n",))}

    def page_of(message: Message) -> ExportPage:
        assert isinstance(message, ConfigExport)
        return pages[message.cursor]

    bus.answers[ConfigExport] = page_of
    answer = await admin.get("/transfer/export")
    name = "OAuth2TokenConfigurationExport_20261124_101500.yml"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert [record.text for record in split_records(answer.text)] == ["Name: A\n", "Name: B\n"]


async def test_what_was_selected_in_the_list_is_exported_and_nothing_else(
    admin: AsyncClient, bus: AnsweringBus
) -> None:
    bus.answers |= {TokenList: page(fleet()), ConfigExport: ExportPage(records=("Name: A\n",))}
    text = (await admin.get("/tokens")).text
    assert f'name="config" value="{config_id(3)}" form="selected"' in text
    assert '<form class="gk-selected" id="selected" method="post" action="/transfer/export">' in text
    chosen = [config_id(3), config_id(5), config_id(3)]
    answer = await admin.post("/transfer/export", data={"config": chosen})
    assert bus.last(ConfigExport).configs == (config_id(3), config_id(5))
    assert [record.text for record in split_records(answer.text)] == ["Name: A\n"]


async def test_an_export_of_nothing_says_what_to_do(admin: AsyncClient, bus: AnsweringBus) -> None:
    answer = await admin.post("/transfer/export", data={})
    assert answer.status_code == 422
    assert "Select at least one token in the list first." in answer.text
    assert bus.asked == []


async def test_a_refusal_is_said_in_the_reports_place(admin: AsyncClient, bus: AnsweringBus) -> None:
    answer = await send(admin, RECORD, action="preview")
    assert answer.status_code == 503
    assert 'id="report"' in answer.text
    assert "No service answers at the moment." in answer.text
    bus.answers[ConfigImport] = refusal("not_permitted")
    refused = await send(admin, RECORD, action="preview")
    assert refused.status_code == 409
    assert "does not permit this" in refused.text


async def test_a_file_that_is_too_long_is_refused_while_it_is_read(admin: AsyncClient) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
        for _ in range(66):
            yield b" " * 1024 * 1024

    answer = await admin.post(
        "/transfer/import", content=body(), headers={"content-type": "multipart/form-data; boundary=x"}
    )
    assert answer.status_code == 413
    assert "longer than 64 MiB" in answer.text


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b"{}", 422),
        ("", b"", 422),
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=x", b"no part of it", 400),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n', 422),
    ],
)
async def test_what_is_no_form_is_refused_without_a_fault(
    admin: AsyncClient, bus: AnsweringBus, kind: str, body: bytes, status: int
) -> None:
    answer = await admin.post("/transfer/import", content=body, headers={"content-type": kind} if kind else {})
    assert answer.status_code == status
    assert bus.asked == []
