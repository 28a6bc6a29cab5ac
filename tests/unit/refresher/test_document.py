"""Records as documents: whatever a record holds, MongoDB can store it, and it is read back as it was."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import bson
from bson.codec_options import CodecOptions

from services.refresher.document import from_document, to_document
from services.refresher.domain.record import Attempt, DeviceLogin, Lease, Quarantined, Waiter, Wish
from tests.unit.refresher.records import HOUR, NOW, ORIGIN, granted

WAITER = Waiter("mail-1:question", {"principal": "mail-1"}, deadline=NOW + HOUR)


def test_a_record_in_the_middle_of_everything_is_stored_and_read_back() -> None:
    record = granted()
    device = DeviceLogin(
        "d" * 64, "enc", "WDJB-MJHT", "https://idp.example.test/device", None, ORIGIN, "mail", "jo", 5, NOW, NOW + HOUR
    )
    full = replace(
        record,
        grant=replace(record.grant, quarantine=(Quarantined("enc", 1, NOW),)),
        due=NOW,  # BSON keeps milliseconds, and the schedule's jitter knows more
        lease=Lease("token", NOW + timedelta(seconds=20)),
        device=device,
        wishes=(Wish("adopt:x", "adopt", "jo", 1, "enc", (WAITER,)),),
        waiters=(WAITER,),
        attempts=(Attempt(NOW, "success", 12),),
        used_by={"mail-1": "2030-01-01"},
    )
    stored: dict[str, Any] = bson.decode(bson.encode(to_document(full)), CodecOptions(tz_aware=True))
    assert from_document({"_id": full.config_id, **stored}) == full
