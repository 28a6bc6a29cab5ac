"""The four rules for refresh tokens, row by row."""

import pytest

from devstack.provider.records import RefreshToken
from devstack.provider.rotation import Verdict, judge
from devstack.provider.settings import RealmSettings, Rotation

USED_AT = 1000.0


@pytest.mark.parametrize(
    ("rotation", "used_at", "now", "verdict"),
    [
        (Rotation.NONE, None, USED_AT, Verdict.KEEP),
        (Rotation.NONE, USED_AT, USED_AT, Verdict.KEEP),
        (Rotation.KEEP_OLD, None, USED_AT, Verdict.ROTATE),
        (Rotation.KEEP_OLD, USED_AT, USED_AT + 1e9, Verdict.ROTATE),
        (Rotation.STRICT, None, USED_AT, Verdict.ROTATE),
        (Rotation.STRICT, USED_AT, USED_AT, Verdict.END_FAMILY),
        (Rotation.GRACE, None, USED_AT, Verdict.ROTATE),
        (Rotation.GRACE, USED_AT, USED_AT + 29.9, Verdict.ANSWER_AGAIN),
        (Rotation.GRACE, USED_AT, USED_AT + 30, Verdict.END_FAMILY),
    ],
)
def test_what_becomes_of_a_refresh_token(
    rotation: Rotation, used_at: float | None, now: float, verdict: Verdict
) -> None:
    token = RefreshToken("id", "grant", 0.0, None, used_at=used_at)
    assert judge(token, RealmSettings(rotation=rotation, grace=30), now) is verdict
