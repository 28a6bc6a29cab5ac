"""What `grantkeeper token status` prints for people."""

import pytest

from grantkeeper.cli.tokens import print_status
from schemas.samples import RESULTS
from schemas.token_requests import TokenStatusView


def test_the_history_of_attempts_is_shown_with_the_provider_s_request_ids(capsys: pytest.CaptureFixture[str]) -> None:
    view = next(result for result in RESULTS if isinstance(result, TokenStatusView))
    [attempt] = view.status.attempts
    print_status(view.status)
    heading, row = capsys.readouterr().out.splitlines()[-2:]
    assert heading.split()[:3] == ["ATTEMPT", "OUTCOME", "CODE"]
    for shown in (attempt.outcome, attempt.code, "503", "310", attempt.correlation_id):
        assert str(shown) in row.split()
