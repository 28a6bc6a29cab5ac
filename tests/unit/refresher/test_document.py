"""Records as documents: whatever a record holds, MongoDB can store it, and it is read back as it was."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import bson
from bson.codec_options import CodecOptions

from services.refresher.client_store import Client, Fault, client_from
from services.refresher.document import from_document, to_document
from services.refresher.domain.client_secrets import ClientSecret
from services.refresher.domain.record import Attempt, DeviceLogin, Lease, Quarantined, Record, Waiter, Wish
from tests.unit.refresher.records import HOUR, NOW, ORIGIN, granted

WAITER = Waiter("mail-1:question", {"principal": "mail-1"}, deadline=NOW + HOUR)


def parts(document: Any) -> Iterator[dict[str, Any]]:
    """Each object in a document, the inner ones first."""
    inner = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    for each in inner:
        yield from parts(each)
    if isinstance(document, dict):
        yield document


def in_the_middle_of_everything() -> Record:
    record = granted()
    device = DeviceLogin(
        "d" * 64, "enc", "WDJB-MJHT", "https://idp.example.test/device", None, ORIGIN, "mail", "jo", 5, NOW, NOW + HOUR
    )
    return replace(
        record,
        grant=replace(record.grant, quarantine=(Quarantined("enc", 1, NOW),)),
        due=NOW,  # BSON keeps milliseconds, and the schedule's jitter knows more
        lease=Lease("token", NOW + timedelta(seconds=20)),
        device=device,
        wishes=(Wish("adopt:x", "adopt", "jo", 1, "enc", (WAITER,), origin=ORIGIN),),
        waiters=(WAITER,),
        attempts=(Attempt(NOW, "success", 12),),
        used_by={"mail-1": "2030-01-01"},
    )


def test_a_record_in_the_middle_of_everything_is_stored_and_read_back() -> None:
    full = in_the_middle_of_everything()
    stored: dict[str, Any] = bson.decode(bson.encode(to_document(full)), CodecOptions(tz_aware=True))
    assert from_document({"_id": full.config_id, **stored}) == full


def test_fields_that_a_newer_version_has_added_are_passed_over() -> None:
    full = in_the_middle_of_everything()
    document = to_document(full)
    dictionaries = [document["told"], document["used_by"], full.waiters[0].reply_to]
    of_its_own = {name: value for name, value in document.items() if name != "config"}  # read by its model
    for part in [part for part in parts(of_its_own) if part not in dictionaries]:
        part["of_a_newer_version"] = 1
    assert from_document({"_id": full.config_id, **document}) == full


def test_a_client_is_read_without_the_fields_that_a_newer_version_has_added() -> None:
    fault = Fault("client_fault", "invalid_client", "text", "cure-id", "cure", NOW)
    client = Client("h" * 32, "https://idp.example.test", "app", fault, secrets=(ClientSecret("s", "f", "id", NOW),))
    document = asdict(client)
    for part in (document, document["fault"], document["secrets"][0]):
        part["of_a_newer_version"] = 1
    assert client_from({"_id": document.pop("hash"), **document}) == client
