"""Which fault a request gets, how often, and what it does to the answer."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from devstack.provider.answer import Answer, json_answer
from devstack.provider.faults import Fault, FaultPlan
from devstack.provider.replies import named_answer, names


def good_answer() -> Answer:
    return json_answer({"access_token": "a", "expires_in": 300, "token_type": "Bearer"})


def test_a_fault_takes_the_next_requests_that_fit_and_no_more() -> None:
    plan = FaultPlan()
    order = plan.add(Fault(realm="strict", next=2, status=503))
    assert plan.take("token", "google", None, None) is None
    assert plan.take("token", "strict", None, None) is order
    assert plan.take("revoke", "strict", None, None) is None
    assert plan.take("token", "strict", None, None) is order
    assert plan.take("token", "strict", None, None) is None
    assert (order.hits, plan.open()) == (2, [])


def test_a_fault_may_be_meant_for_one_client_or_one_grant_type() -> None:
    plan = FaultPlan()
    plan.add(Fault(client_id="one", grant_type="refresh_token", status=500))
    assert plan.take("token", "strict", "other", "refresh_token") is None
    assert plan.take("token", "strict", "one", "authorization_code") is None
    assert plan.take("token", "strict", "one", "refresh_token") is not None


def test_the_oldest_fault_that_fits_comes_first() -> None:
    plan = FaultPlan()
    first, second = plan.add(Fault(next=1, status=500)), plan.add(Fault(next=1, status=502))
    assert [plan.take("token", "strict", None, None) for _ in range(3)] == [first, second, None]


def test_a_fault_without_a_number_stays_until_it_is_taken_back() -> None:
    plan = FaultPlan()
    kept, taken_back = plan.add(Fault(status=500)), plan.add(Fault(status=502))
    assert all(plan.take("token", "strict", None, None) is kept for _ in range(10))
    assert plan.clear(taken_back.id) == 1
    assert plan.open() == [kept]
    assert plan.clear() == 1
    assert plan.take("token", "strict", None, None) is None


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(drop=("expires_in",)), {"access_token": "a", "token_type": "Bearer"}),
        (Fault(change={"expires_in": "300"}), {"access_token": "a", "token_type": "Bearer", "expires_in": "300"}),
        (Fault(drop=("access_token", "token_type")), {"expires_in": 300}),
        (
            Fault(change={"token_type": "bearer", "refresh_token_expires_in": 604799}),
            {"access_token": "a", "token_type": "bearer", "expires_in": 300, "refresh_token_expires_in": 604799},
        ),
    ],
    ids=["no expires_in", "expires_in as text", "no access token", "other case, more fields"],
)
def test_a_good_answer_is_made_odd(fault: Fault, expected: dict[str, Any]) -> None:
    assert not fault.replaces_work
    assert json.loads(fault.spoil(good_answer(), 0).body) == expected


def test_an_error_answer_is_left_as_it_is() -> None:
    refused = json_answer({"error": "invalid_grant"}, 400)
    assert Fault(change={"expires_in": 0}).spoil(refused, 0).body == refused.body


def test_a_status_replaces_the_work_unless_it_is_to_be_done_all_the_same() -> None:
    assert Fault(status=503).replaces_work
    assert not Fault(status=503, processed=True).replaces_work
    assert not Fault(delay=1).replaces_work


def test_retry_after_is_sent_as_seconds_or_as_a_date() -> None:
    assert Fault(status=429, retry_after=20).answer(0).headers["retry-after"] == "20"  # type: ignore[arg-type] # JSON
    date = "Wed, 21 Oct 2026 07:28:00 GMT"
    assert Fault(named="proxy:too_many_requests", retry_after=date).answer(0).headers["retry-after"] == date
    relative = Fault(status=429, retry_after_date=90)
    assert relative.answer(1_800_000_000).headers["retry-after"] == "Fri, 15 Jan 2027 08:01:30 GMT"
    assert relative.spoil(good_answer(), 1_800_000_000).headers["retry-after"] == "Fri, 15 Jan 2027 08:01:30 GMT"


@pytest.mark.parametrize("name", names())
def test_every_named_answer_is_what_its_family_says(name: str) -> None:
    answer = named_answer(name, 1_800_000_000.0)
    family, _, member = name.partition(":")
    if family == "proxy":
        assert not answer.content_type.startswith("application/json")
        return
    body = json.loads(answer.body)
    if family == "other":
        assert body["error"]
        return
    assert answer.status >= 400
    assert answer.error == body["error"]
    if family == "microsoft":
        assert body["error_codes"] == [int(member)]
        assert body["error_description"].startswith(f"AADSTS{member}: ")
        assert body["timestamp"] == "2027-01-15 08:00:00Z"
        assert {"trace_id", "correlation_id"} <= set(body)


def test_an_unknown_name_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ValidationError, match=r"no bad answer is called 'microsoft:1'; known: .*microsoft:700082"):
        Fault(named="microsoft:1")


def test_a_redirect_carries_oauth_errors_alone() -> None:
    with pytest.raises(ValidationError, match="a redirect cannot carry it"):
        Fault(endpoint="authorize", named="proxy:forbidden")
