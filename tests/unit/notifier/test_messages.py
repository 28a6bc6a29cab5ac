from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest

from schemas.reasons import NotificationKind
from services.notifier.domain import Notification, report
from services.notifier.messages import NAMES_IN_DIGEST, changed_message, link, notice, title
from tests.unit.notifier.events import CONFIG_ID, START, reported

URL = "https://tokens.example.org"


def opened(**fields: object) -> Notification:
    one = report(None, reported(**fields))  # type: ignore[arg-type]
    assert one is not None
    return one


OF_THE_ENGINE: tuple[NotificationKind, ...] = ("engine_stopped", "another_cluster")


@pytest.mark.parametrize("kind", [kind for kind in get_args(NotificationKind) if kind not in OF_THE_ENGINE])
def test_every_kind_has_a_title_with_the_name_and_a_page(kind: NotificationKind) -> None:
    assert title(kind, "Sales").startswith("Sales: ")
    assert link(URL, kind, CONFIG_ID, None).startswith(f"{URL}/tokens/{CONFIG_ID}")


@pytest.mark.parametrize("kind", OF_THE_ENGINE)
def test_what_is_about_no_token_leads_to_the_page_of_the_system(kind: NotificationKind) -> None:
    assert title(kind, "engine").startswith("Refreshing is ")
    assert link(URL, kind, None, None) == f"{URL}/system"


def test_an_ended_login_leads_to_the_page_that_starts_a_new_one() -> None:
    assert link(URL + "/", "expired_refresh_token", CONFIG_ID, None) == f"{URL}/tokens/{CONFIG_ID}/authorize"


def test_a_fault_of_a_client_leads_to_its_tokens() -> None:
    assert link(URL, "client_fault", None, "ab" * 8) == f"{URL}/tokens?client={'ab' * 8}"


def test_a_single_notice_names_cause_cure_and_page() -> None:
    one = notice("opened", [opened(text="invalid_grant: expired")], URL)
    assert one.title == "Support mailbox: the login has ended, a new one is needed"
    assert "The provider said: invalid_grant: expired" in one.body
    assert "What to do: Request a new token." in one.body
    assert one.body.endswith(f"{URL}/tokens/{CONFIG_ID}/authorize")


def test_a_name_with_braces_is_shown_as_it_is() -> None:
    assert title("client_fault", "{cause}") == "{cause}: the provider refuses the client"


def test_a_reminder_and_a_solution_say_what_they_are() -> None:
    one = opened()
    assert notice("reminded", [one], URL).title.startswith("Reminder: ")
    solved = notice("resolved", [replace(one, resolved_at=START + timedelta(hours=2))], URL)
    assert solved.title.startswith("Solved: ")
    assert "What to do" not in solved.body


def test_a_digest_names_the_first_twenty_and_counts_the_rest() -> None:
    ones = [replace(opened(), name=f"Mailbox {number:02}") for number in range(25)]
    one = notice("opened", ones, URL)
    assert one.title.startswith("25 tokens: ")
    assert f"- Mailbox {NAMES_IN_DIGEST - 1:02}" in one.body
    assert f"- Mailbox {NAMES_IN_DIGEST:02}" not in one.body
    assert "and 5 more" in one.body
    assert one.body.count("What to do") == 1


def test_what_is_published_carries_the_link_and_the_title() -> None:
    message = changed_message(opened(), URL)
    assert (message.state, message.sequence, message.severity) == ("open", 1, "red")
    assert message.url.endswith("/authorize")
    assert message.title.startswith("Support mailbox: ")
