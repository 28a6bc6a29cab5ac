"""A person at the console who needs no browser: plain HTTP with cookies."""

from html.parser import HTMLParser

import requests
from typing_extensions import override

from devstack.keys import CONSOLE_USER
from devstack.layout import Layout
from devstack.login import log_in

TIMEOUT = 20  # seconds for one page


class ConsoleSession:
    """Logged in as the stack's own user; every page must come with 2xx."""

    def __init__(self, layout: Layout) -> None:
        self._base = layout.url("console")
        self._browser = requests.Session()
        self._browser.trust_env = False
        self.send("login", {"name": CONSOLE_USER, "password": layout.console_password.read_text().strip()})

    def send(self, path: str, form: dict[str, str], **files: tuple[str, bytes]) -> str:
        """POST a form as the console's own page does; the page that answers."""
        answer = self._browser.post(
            f"{self._base}/{path}", form, files=files or None, headers={"Origin": self._base}, timeout=TIMEOUT
        )
        answer.raise_for_status()
        return answer.text

    def read(self, path: str) -> str:
        answer = self._browser.get(f"{self._base}/{path}", timeout=TIMEOUT)
        answer.raise_for_status()
        return answer.text

    def connect(self, config_id: str, login: str) -> str:
        """Start a login, go to the provider, come back to the redirect URI; the page that tells of it."""
        page = self.send(f"tokens/{config_id}/authorize", {})
        returned = log_in(address_of_provider(page), login=login)
        assert returned.startswith(f"{self._base}/oauth2/callback/"), returned
        return self.read(returned.removeprefix(f"{self._base}/"))


def address_of_provider(page: str) -> str:
    """The link on which a person leaves for the provider."""
    links = Links()
    links.feed(page)
    (found,) = {link for link in links.found if "client_id=" in link and "state=" in link}
    return found


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href" and value]
