"""The bad answers that the local provider gives on command mean to us what they mean at the provider they are of."""

from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from devstack.provider.replies import named_answer, names
from grantkeeper.oauth2.answer import HttpAnswer
from grantkeeper.oauth2.errors import Failure, read_answer
from grantkeeper.oauth2.token_request import TokenRequest

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
HOSTS = {"google": "oauth2.googleapis.com", "microsoft": "login.microsoftonline.com"}
UNKNOWN = {"other:unheard_of", "other:zoho_too_many"}  # the second has no code of its own, only words
CODES = {"oauth": "{member}", "microsoft": "AADSTS{member}"}


def read(name: str) -> Failure:
    family, _, _ = name.partition(":")
    answer = named_answer(name, NOW.timestamp())
    request = TokenRequest(
        f"https://{HOSTS.get(family, 'idp.example.test')}/token", {"grant_type": SecretStr("refresh_token")}
    )
    outcome = read_answer(
        request, HttpAnswer(answer.status, answer.headers, answer.body), default_expires_in=3600, now=NOW
    )
    assert isinstance(outcome, Failure)
    return outcome


@pytest.mark.parametrize("name", [name for name in names() if name not in UNKNOWN])
def test_a_bad_answer_of_the_kit_is_known_to_the_table(name: str) -> None:
    family, _, member = name.partition(":")
    failure = read(name)
    assert (failure.attempt_class, failure.scope, failure.cure_id) != ("transient_alarm", "grant", "look-if-it-lasts")
    if family in CODES:
        assert failure.code == CODES[family].format(member=member)


@pytest.mark.parametrize("name", sorted(UNKNOWN))
def test_what_the_table_does_not_know_is_tried_again_and_shown(name: str) -> None:
    failure = read(name)
    assert (failure.attempt_class, failure.scope) == ("transient_alarm", "grant")
    assert failure.text


@pytest.mark.parametrize("name", [name for name in names() if name.startswith("proxy:")])
def test_what_a_proxy_says_never_ends_a_grant(name: str) -> None:
    assert read(name).attempt_class in {"transient", "transient_alarm", "config_fault"}
