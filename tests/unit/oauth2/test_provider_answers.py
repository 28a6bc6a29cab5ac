"""Answers as providers really give them, each with its meaning written down beforehand (provider_answers.yaml)."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from grantkeeper.oauth2.answer import HttpAnswer
from grantkeeper.oauth2.errors import Failure, read_answer
from grantkeeper.oauth2.token_request import TokenRequest

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
ANSWERS: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("provider_answers.yaml").read_text("utf-8"))


def read(given: dict[str, Any]) -> Failure:
    form = {"grant_type": SecretStr(given.get("asked", "refresh_token")), "refresh_token": SecretStr("planted-1")}
    request = TokenRequest(f"https://{given.get('host', 'idp.example.test')}/token", form)
    answer = HttpAnswer(given["status"], given.get("headers", {}), given["body"].encode())
    outcome = read_answer(request, answer, default_expires_in=3600, now=NOW)
    assert isinstance(outcome, Failure)
    return outcome


@pytest.mark.parametrize("given", ANSWERS, ids=[f"{one['means'][3]} {one['status']} {one['from']}" for one in ANSWERS])
def test_an_answer_means_what_was_written_down_before(given: dict[str, Any]) -> None:
    failure = read(given)
    assert [failure.attempt_class, failure.scope, failure.cure_id, failure.code] == given["means"]
    assert failure.wait == given.get("wait", 0)
    assert failure.text
    assert failure.cure.endswith(".")


def test_the_corpus_is_large_enough_to_mean_something() -> None:
    assert len(ANSWERS) >= 60
    assert len({(one["status"], one["body"], one.get("host"), str(one.get("headers"))) for one in ANSWERS}) == len(
        ANSWERS
    )


def test_the_words_beside_the_codes_change_nothing() -> None:
    """Every answer again, with the description of another one."""
    lured = "AADSTS90033: temporarily_unavailable, AADSTS7000222: invalid_client, invalid_rapt"
    for given in ANSWERS:
        before = given["body"]
        start = before.find('"error_description":"')
        if start < 0:
            continue
        end = before.index('"', start + len('"error_description":"'))
        changed = before[: start + len('"error_description":"')] + lured + before[end:]
        failure = read({**given, "body": changed})
        assert [failure.attempt_class, failure.scope, failure.cure_id, failure.code] == given["means"], given["from"]
