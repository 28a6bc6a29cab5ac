import re
from pathlib import Path
from typing import get_args

import pytest

from grantkeeper.cli import exit_codes
from schemas.reasons import RETRYABLE, ErrorCode


@pytest.mark.parametrize("code", get_args(ErrorCode))
def test_every_error_of_the_contract_has_its_exit_code(code: ErrorCode) -> None:
    assert code in exit_codes.BY_ERROR_CODE


@pytest.mark.parametrize("code", sorted(RETRYABLE))
def test_what_may_be_tried_again_says_so(code: str) -> None:
    assert exit_codes.of_error(code, retryable=True) == 75


def test_an_error_of_a_later_version_goes_by_what_it_says() -> None:
    assert exit_codes.of_error("brand_new", retryable=True) == exit_codes.TRY_AGAIN
    assert exit_codes.of_error("brand_new", retryable=False) == exit_codes.UNAVAILABLE


def test_the_documented_table_is_the_one_of_the_code() -> None:
    rows = re.findall(r"^\| \d+ \|.*$", exit_codes.__doc__ or "", re.MULTILINE)
    numbers = {int(row.split("|")[1]) for row in rows}
    assert numbers == {value for value in vars(exit_codes).values() if isinstance(value, int)}
    page = Path(__file__).parents[3] / "docs" / "command-line.md"
    assert re.findall(r"^\| \d+ \|.*$", page.read_text(encoding="utf-8"), re.MULTILINE) == rows
