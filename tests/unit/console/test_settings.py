"""A console that could not keep its cookies safe does not start."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.unit.console.conftest import settings_for


@pytest.mark.parametrize(
    ("changes", "cure"),
    [
        ({"public_url": "http://keeper.example.test"}, "must be https"),
        ({"public_url": "keeper.example.test"}, "must be https"),
        ({"public_url": "https://"}, "must be https"),
        ({"public_url": "https://keeper.test/console"}, "scheme, host and port alone"),
        ({"public_url": "https://user@keeper.test"}, "scheme, host and port alone"),
        ({"session_key": "short"}, "session_key is shorter than 32"),
        ({"feed_token": "short"}, "feed_token is shorter than 32"),
    ],
)
def test_a_setting_that_is_not_safe_is_refused_with_its_cure(changes: dict[str, str], cure: str) -> None:
    with pytest.raises(ValidationError, match=cure) as caught:
        settings_for(Path("users"), **changes)
    assert "'short'" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "origin", "secure"),
    [
        ("https://Keeper.test/", "https://keeper.test", True),
        ("https://keeper.test:8443", "https://keeper.test:8443", True),
        ("http://127.0.0.1:19000", "http://127.0.0.1:19000", False),
        ("http://localhost", "http://localhost", False),
        ("http://[::1]:8080", "http://[::1]:8080", False),
    ],
)
def test_the_public_address_is_what_browsers_say(url: str, origin: str, *, secure: bool) -> None:
    settings = settings_for(Path("users"), public_url=url)
    assert (settings.origin, settings.secure) == (origin, secure)
    assert settings.public_url_host == origin.split("//")[1]
