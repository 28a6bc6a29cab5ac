"""What a person sees who logs in for another device: one plain form with the code, the address and the decision."""

from typing import Any

from jinja2 import Environment, PackageLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from devstack.provider.device_grant import decide, find
from devstack.provider.login_pages import ADDRESS, HEADERS
from devstack.provider.provider import Provider


class DevicePage:
    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._templates = Environment(loader=PackageLoader("devstack.provider", "pages"), autoescape=True)

    async def interact(self, request: Request) -> Response:
        realm = request.path_params["realm"]
        if realm not in self._provider.realms:
            return self._page("error.html", 404, message="There is no such realm.")
        if request.method != "POST":
            return self._form(realm, request.query_params.get("user_code", ""))
        form = await request.form()
        user_code, login = str(form.get("user_code", "")), str(form.get("login", "")).strip()
        code = find(self._provider, realm, user_code)
        if code is None:
            return self._form(realm, user_code, "This code is not known, was used, or has ended.")
        allowed = form.get("decision") != "deny"
        if allowed and not (ADDRESS.match(login) and form.get("password")):
            return self._form(realm, user_code, "Enter a mail address and a password; any will do here.")
        decide(self._provider, code, login, allowed=allowed)
        return self._page("device_done.html", 200, allowed=allowed, client_id=code.client_id, login=login)

    def _form(self, realm: str, user_code: str, problem: str | None = None) -> Response:
        return self._page("device.html", 400 if problem else 200, realm=realm, user_code=user_code, problem=problem)

    def _page(self, name: str, status: int, **context: Any) -> Response:
        return HTMLResponse(self._templates.get_template(name).render(context), status, HEADERS)
