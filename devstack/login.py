"""A person at a browser, played: follow an authorization URL through plain login and consent pages to the way back.

Knows no provider: it fills in the first form of each page, as long as the pages come from where the walk began.
The redirect URI itself is never contacted; its address, with code and state, is the result.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import requests
from typing_extensions import override

MOST_STEPS = 20
TIMEOUT = 10  # seconds for one page
PASSWORD = "any-password"


class LoginFailed(Exception):
    """The walk did not end at a redirect URI; the message says which page stopped it."""


@dataclass(slots=True)
class Form:
    action: str = ""
    fields: list[tuple[str, str]] = field(default_factory=list)  # hidden ones and ticked boxes
    names: set[str] = field(default_factory=set)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    boxes: list[tuple[str, str]] = field(default_factory=list)


class FormReader(HTMLParser):
    """The first form of a page, and the text of the page for error messages."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.form: Form | None = None
        self.links: list[str] = []
        self.text: list[str] = []
        self._open = False
        self.feed(page)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and self.form is None:
            self.form, self._open = Form(given.get("action", "")), True
        elif tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif self._open and self.form is not None and given.get("name"):
            self._note(self.form, tag, given)

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False

    @override
    def handle_data(self, data: str) -> None:
        if data.strip():
            self.text.append(data.strip())

    @staticmethod
    def _note(form: Form, tag: str, given: dict[str, str]) -> None:
        pair, kind = (given["name"], given.get("value", "")), given.get("type", "")
        form.names.add(given["name"])
        if tag == "button" or kind == "submit":
            form.buttons.append(pair)
        elif kind == "hidden":
            form.fields.append(pair)
        elif kind == "checkbox":
            form.boxes.append(pair)


def log_in(
    authorization_url: str,
    *,
    login: str,
    password: str = PASSWORD,
    deny: bool = False,
    scopes: Collection[str] | None = None,
    session: requests.Session | None = None,
) -> str:
    """The address the browser would be sent to at the end: redirect URI with code, or with error when denied.

    `scopes`: the boxes left ticked; None leaves all. Raises LoginFailed when a page leads nowhere.
    """
    with session or _session() as browser:
        page = browser.get(authorization_url, allow_redirects=False, timeout=TIMEOUT)
        for _ in range(MOST_STEPS):
            if page.is_redirect:
                target = urljoin(page.url, page.headers["location"])
                if not _same_origin(target, authorization_url):
                    return target
                page = browser.get(target, allow_redirects=False, timeout=TIMEOUT)
            else:
                page = _submit(browser, page, login=login, password=password, deny=deny, scopes=scopes)
    raise LoginFailed(f"no way back after {MOST_STEPS} steps")


def enter_code(
    address: str, user_code: str, *, login: str, password: str = PASSWORD, session: requests.Session | None = None
) -> None:
    """Type a device's code at the address that it shows, log in and allow; ends at a page without a form.

    Raises LoginFailed when a page leads nowhere.
    """
    with session or _session() as browser:
        page = browser.get(address, allow_redirects=False, timeout=TIMEOUT)
        for _ in range(MOST_STEPS):
            if page.is_redirect:
                target = urljoin(page.url, page.headers["location"])
                page = browser.get(target, allow_redirects=False, timeout=TIMEOUT)
            elif page.ok and FormReader(page.text).form is None:
                return
            else:
                page = _submit(browser, page, login=login, password=password, user_code=user_code)
    raise LoginFailed(f"no end after {MOST_STEPS} steps")


def _submit(
    browser: requests.Session,
    page: requests.Response,
    *,
    login: str,
    password: str,
    deny: bool = False,
    scopes: Collection[str] | None = None,
    user_code: str | None = None,
) -> requests.Response:
    read = FormReader(page.text)
    if not page.ok or read.form is None:
        raise LoginFailed(f"HTTP {page.status_code}, no form to go on with: {' '.join(read.text)[:300]}")
    asks_login = "login" in read.form.names
    abort = next((link for link in read.links if link.endswith("/abort")), None)
    if deny and not asks_login and abort is not None:
        return browser.get(urljoin(page.url, abort), allow_redirects=False, timeout=TIMEOUT)
    sent = [*read.form.fields, *_ticked(read.form, scopes), *_pressed(read.form, deny=deny and not asks_login)]
    if user_code is not None and "user_code" in read.form.names.difference(name for name, _ in read.form.fields):
        sent.append(("user_code", user_code))
    if asks_login:
        sent += [("login", login), ("password", password)]
    return browser.post(urljoin(page.url, read.form.action), sent, allow_redirects=False, timeout=TIMEOUT)


def _ticked(form: Form, scopes: Collection[str] | None) -> list[tuple[str, str]]:
    return [box for box in form.boxes if scopes is None or box[1] in scopes]


def _pressed(form: Form, *, deny: bool) -> list[tuple[str, str]]:
    wanted = [button for button in form.buttons if (button[1] == "deny") == deny]
    return wanted[:1]


def _same_origin(one: str, other: str) -> bool:
    first, second = urlsplit(one), urlsplit(other)
    return (first.scheme, first.netloc) == (second.scheme, second.netloc)


def _session() -> requests.Session:
    browser = requests.Session()
    browser.trust_env = False  # a proxy of the environment has no business with this machine's own addresses
    return browser
