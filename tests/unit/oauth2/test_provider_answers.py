"""Answers as providers really give them, each with its meaning written down beforehand (provider_answers.yaml)."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from grantkeeper.oauth2.answer import HttpAnswer
from grantkeeper.oauth2.error_table import shipped
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


NUMBERS = {
    ("reauthorization", "grant"): (
        "50173 50132 50133 50055 50144 50135 50057 50034 51004 50126 50089 50085 70000 70008 700082 "
        "50076 50079 50072 50074 50078 50158 65001 65004 70018 70019"
    ),
    ("policy", "grant"): (
        "70043 53000 53001 53002 53003 530032 530035 53004 53010 53011 50131 50005 50097 50129 50105 "
        "50020 500208 16000 90072 500212 500213 50014"
    ),
    ("policy", "client"): "90094 90095",
    ("client_fault", "client"): (
        "700084 650052 650054 650056 650057 65005 500011 7000215 7000222 7000218 700025 70002 50012 50013 700027 "
        "700030 500133 50048 70001 700016 700011 7000112 1000031 90002 50194 90130 90124 9001023 9002332 50011 70004"
    ),
    ("config_fault", "config"): "50001 90038 900382 90051 70011 28002 700022 700023 900144 90014 90023 9002313 90100",
    ("config_fault", "grant"): "54005 501481 50147",
    ("transient", "grant"): "70016",
    ("transient", "client"): "90055 50088 50166",
    ("transient", "provider"): "90033 90006 90012 90024 90090 90091 50033 50087 70012 40010 80002 80005",
    ("transient_alarm", "grant"): "50053",
    ("transient_alarm", "client"): "50196",
    ("transient_alarm", "provider"): "50000 90036 90092 40008",
}


def test_every_number_of_microsoft_means_what_its_page_says() -> None:
    told = {number: meaning for meaning, numbers in NUMBERS.items() for number in numbers.split()}
    assert {number: (row.attempt_class, row.scope) for number, row in shipped().numbers.items()} == told
