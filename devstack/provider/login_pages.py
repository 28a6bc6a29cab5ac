"""What a person sees: log in, allow or deny, and then the way back to the client. Plain forms, no script.

Any mail address logs in, with any password. Each login in progress has an address nobody can guess, good once.
"""

import re
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from devstack.provider.authorization_answer import Asker, AuthorizationAnswers
from devstack.provider.authorization_request import (
    AuthorizationRequest,
    ForRedirect,
    NotForRedirect,
    check,
    redirect_target,
)
from devstack.provider.faults import FaultPlan
from devstack.provider.provider import Provider
from devstack.provider.records import Consent, consent_id
from devstack.provider.token_text import new_id

ADDRESS = re.compile(r"^[^@\s]{1,64}@[^@\s]{1,189}$")
# A browser follows 303 with GET, whatever it sent before (RFC 9700 section 4.12).
SEE_OTHER = 303
MOST_LOGINS = 10_000
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
WORDS = {
    "offline_access": "Stay connected while you are away",
    "openid": "Know who you are",
    "email": "Know your mail address",
    "profile": "Know your name",
}


@dataclass(frozen=True, slots=True)
class Login:
    """One login in progress."""

    realm: str
    request: AuthorizationRequest
    login: str | None = None


class LoginPages:
    def __init__(self, provider: Provider, plan: FaultPlan) -> None:
        self._provider = provider
        self._answers = AuthorizationAnswers(provider, plan)
        self._logins: dict[str, Login] = {}
        self._templates = Environment(loader=PackageLoader("devstack.provider", "pages"), autoescape=True)

    async def authorize(self, request: Request) -> Response:
        """The authorization endpoint, GET or POST."""
        realm = request.path_params["realm"]
        given: FormData | Any = await request.form() if request.method == "POST" else request.query_params
        if realm not in self._provider.realms or len(given.multi_items()) != len(set(given.keys())):
            return self._page("error.html", 400, message="This request is malformed.")
        parameters = {name: str(value) for name, value in given.multi_items() if value}
        client = self._provider.clients.get(parameters.get("client_id", ""))
        try:
            redirect_uri = redirect_target(parameters, client)
        except NotForRedirect as error:
            return self._page("error.html", 400, message=str(error))
        assert client is not None  # noqa: S101 - redirect_target refuses an unknown client
        try:
            return self._begin(Login(realm, check(parameters, client, self._provider.realms[realm])))
        except ForRedirect as error:
            asker = Asker(realm, client.client_id, redirect_uri, parameters.get("state"))
            return _see_other(self._answers.error(asker, error))

    async def interact(self, request: Request) -> Response:
        """The pages of one login: shown by GET, decided by POST."""
        key = request.path_params["login_id"]
        login = self._logins.get(key)
        if login is None or login.realm != request.path_params["realm"]:
            return self._page("error.html", 404, message="This login is over. Start again where you came from.")
        if request.method != "POST":
            return self._show(login)
        form = await request.form()
        if form.get("decision") == "deny":
            return self._deny(key, login)
        return self._logged_in(key, login, form) if login.login is None else self._consented(key, login, form)

    async def style(self, _: Request) -> Response:
        sheet = files("devstack.provider").joinpath("pages/style.css").read_text(encoding="utf-8")
        return Response(sheet, media_type="text/css")

    def _begin(self, login: Login) -> Response:
        if len(self._logins) >= MOST_LOGINS:
            del self._logins[next(iter(self._logins))]
        key = new_id()
        self._logins[key] = login
        return _see_other(f"/{login.realm}/login/{key}")

    def _show(self, login: Login, problem: str | None = None) -> Response:
        context = {"realm": login.realm, "client_id": login.request.client_id, "problem": problem}
        status = 200 if problem is None else 400
        if login.login is None:
            return self._page("login.html", status, login_hint=login.request.login_hint, **context)
        scopes = [(scope, WORDS.get(scope, "Read and send mail for you")) for scope in login.request.scope]
        return self._page("consent.html", status, login=login.login, scopes=scopes, **context)

    def _logged_in(self, key: str, login: Login, form: FormData) -> Response:
        address, password = str(form.get("login", "")).strip(), form.get("password")
        if not ADDRESS.match(address):
            return self._show(login, "Enter a mail address.")
        if not password:
            return self._show(login, "Enter a password; any will do here.")
        self._logins[key] = known = replace(login, login=address)
        if "consent" not in login.request.prompt and self._has_consented(known, address):
            return self._finish(key, known, known.request.scope, shown=False)
        return _see_other(f"/{login.realm}/login/{key}")

    def _consented(self, key: str, login: Login, form: FormData) -> Response:
        ticked = {str(value) for value in form.getlist("scope")}
        granted = tuple(scope for scope in login.request.scope if scope in ticked)
        if login.request.scope and not granted:
            return self._show(login, "Tick what you allow, or deny.")
        address = login.login or ""
        consent = Consent(self._consent_id(login, address), login.realm, login.request.client_id, address, granted)
        self._provider.store.put(consent)
        return self._finish(key, login, granted, shown=True)

    def _finish(self, key: str, login: Login, scope: tuple[str, ...], *, shown: bool) -> Response:
        del self._logins[key]
        return _see_other(self._answers.code(login.realm, login.request, login.login or "", scope, consent_shown=shown))

    def _deny(self, key: str, login: Login) -> Response:
        del self._logins[key]
        asker = Asker(login.realm, login.request.client_id, login.request.redirect_uri, login.request.state)
        return _see_other(self._answers.error(asker, ForRedirect("access_denied", "the user denied access")))

    def _has_consented(self, login: Login, address: str) -> bool:
        consent = self._provider.store.get(Consent, self._consent_id(login, address))
        return consent is not None and set(login.request.scope) <= set(consent.scope)

    def _consent_id(self, login: Login, address: str) -> str:
        return consent_id(login.realm, login.request.client_id, address)

    def _page(self, name: str, status: int, **context: Any) -> Response:
        return HTMLResponse(self._templates.get_template(name).render(context), status, HEADERS)


def _see_other(location: str) -> Response:
    return RedirectResponse(location, SEE_OTHER, HEADERS)
