"""The journal: open until answered, and never a readable secret."""

import hashlib

from devstack.provider.form import FormRequest
from devstack.provider.journal import Journal

REQUEST = FormRequest("strict", {"grant_type": "refresh_token", "refresh_token": "very-secret", "client_secret": "too"})


def test_an_entry_is_open_until_its_answer_has_left() -> None:
    journal = Journal()
    first, second = journal.begin("token", REQUEST, "app", 1.0), journal.begin("token", REQUEST, "app", 2.0)
    first.finished_at = 3.0
    assert journal.entries(only_open=True) == [second]
    assert journal.entries() == [first, second]
    assert journal.entries(since=first.number) == [second]


def test_an_entry_tells_tokens_apart_without_showing_them() -> None:
    entry = Journal().begin("token", REQUEST, "app", 1.0)
    assert entry.secret == hashlib.sha256(b"very-secret").hexdigest()[:16]
    assert "very-secret" not in repr(entry)
    assert "too" not in repr(entry)


def test_entries_are_picked_by_realm_and_endpoint() -> None:
    journal = Journal()
    journal.begin("token", REQUEST, "app", 1.0)
    other = journal.begin("revoke", FormRequest("google", {"token": "x"}), None, 1.0)
    assert journal.entries(realm="google") == [other]
    assert journal.entries(endpoint="revoke") == [other]


def test_numbers_go_on_after_clearing_so_that_since_stays_true() -> None:
    journal = Journal()
    before = journal.begin("token", REQUEST, "app", 1.0)
    journal.clear()
    assert journal.begin("token", REQUEST, "app", 1.0).number > before.number
