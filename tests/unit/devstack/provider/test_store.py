"""What is remembered, for how long, and what a restart finds."""

import stat
from pathlib import Path

from devstack.provider.records import AccessToken, Document, Grant, Pair, RefreshToken, digest
from devstack.provider.store import Store


def grant(login: str = "alice@example.test") -> Grant:
    return Grant("g", "strict", "app", login, ("mail.imap",), 1.0)


def access_token(forget_at: float) -> AccessToken:
    return AccessToken(digest("text"), "strict", "app", "alice@example.test", ("mail.imap",), 1.0, 5.0, forget_at, "g")


def test_a_record_is_forgotten_at_its_end_and_not_before() -> None:
    store = Store()
    store.put(access_token(forget_at=10.0))
    store.forget_due(9.9)
    assert store.get(AccessToken, digest("text")) is not None
    store.forget_due(10.0)
    assert store.get(AccessToken, digest("text")) is None


def test_a_record_whose_end_has_moved_outlives_its_first_one() -> None:
    store = Store()
    token = RefreshToken("r", "g", 1.0, 10.0, forget_at=10.0)
    store.put(token)
    token.forget_at = 20.0
    store.put(token)
    store.forget_due(15.0)
    assert store.get(RefreshToken, "r") is token
    store.forget_due(20.0)
    assert store.get(RefreshToken, "r") is None


def test_a_restart_finds_what_was_flushed(tmp_path: Path) -> None:
    store = Store(tmp_path / "data.db")
    kept, token = grant(), access_token(forget_at=10.0)
    for record in (kept, token, Document("client:app", "{}")):
        store.put(record)
    store.flush()  # and no close: the process was killed
    again = Store(tmp_path / "data.db")
    assert again.get(Grant, "g") == kept
    assert again.get(AccessToken, token.id) == token
    again.forget_due(10.0)
    assert Store(tmp_path / "data.db").get(AccessToken, token.id) is None
    again.close()
    store.close()


def test_the_file_is_its_owners_alone_and_holds_no_token(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    store = Store(path)
    kept = grant()
    kept.latest = Pair("readable-access-token", "readable-refresh-token")
    store.put(kept)
    used = RefreshToken(digest("readable-refresh-token"), "g", 1.0, None, used_at=2.0, answered=kept.latest)
    store.put(used)
    store.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"readable" not in path.read_bytes()
