"""What becomes of an access token when the database's clock jumps."""

from datetime import UTC, datetime, timedelta

import pytest

from services.refresher.domain.record import Grant

OBTAINED = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
GRANT = Grant(access_token="x", obtained_at=OBTAINED, expires_at=OBTAINED + timedelta(hours=1))


@pytest.mark.parametrize(
    ("step", "live"),
    [
        (timedelta(), True),
        (timedelta(minutes=59), True),
        (timedelta(hours=1), False),
        (timedelta(hours=2), False),
        (timedelta(seconds=-30), True),
        (timedelta(minutes=-2), False),
        (timedelta(hours=-2), False),
    ],
    ids=str,
)
def test_an_access_token_is_good_from_when_it_was_obtained_until_it_ends(step: timedelta, live: bool) -> None:  # noqa: FBT001
    assert GRANT.is_live(OBTAINED + step) is live
