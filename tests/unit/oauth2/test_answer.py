"""What a provider says beside its body: absurd headers never break the reading of a failure."""

import pytest
from pydantic import ValidationError

from grantkeeper.oauth2.answer import _http_date
from schemas.token_config import MAX_DAYS, Options


def test_a_date_with_an_absurd_zone_is_no_date() -> None:
    assert _http_date("Tue, 24 Nov 2026 10:00:00 +99999999999999") is None


def test_no_rule_of_a_config_reaches_beyond_the_calendar() -> None:
    for name in ("refresh_token_idle_days", "refresh_token_max_days"):
        bounds = Options.model_fields[name].metadata
        assert any(getattr(bound, "le", None) == MAX_DAYS for bound in bounds), name


@pytest.mark.parametrize(
    "rules",
    [
        {"client_secret_ends": "0001-01-01"},
        {"client_secret_ends": "9999-12-31"},
        {"refresh_token_idle_days": 99_999_999_999},
        {"refresh_token_max_days": 3_000_000},
    ],
)
def test_a_date_that_cannot_be_computed_with_is_refused(rules: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Options.model_validate(rules)
