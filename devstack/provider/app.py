"""Wiring: one ASGI app from settings and a clock. `server.py` serves it; importing starts nothing."""

import time
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from devstack.provider.answer import Answer, json_answer
from devstack.provider.assertions import Assertions
from devstack.provider.control_api import ControlApi
from devstack.provider.device_grant import DeviceAuthorizationEndpoint
from devstack.provider.device_page import DevicePage
from devstack.provider.discovery import discovery_document
from devstack.provider.faults import FaultPlan
from devstack.provider.form import FormRequest
from devstack.provider.gate import Gate
from devstack.provider.home_page import HomePage
from devstack.provider.id_token import IdTokens
from devstack.provider.introspection import IntrospectionEndpoint, userinfo
from devstack.provider.issuing import Twist
from devstack.provider.journal import Journal
from devstack.provider.login_pages import LoginPages
from devstack.provider.provider import Clock, Provider
from devstack.provider.revocation import RevocationEndpoint
from devstack.provider.settings import ProviderSettings
from devstack.provider.store import Store
from devstack.provider.token_endpoint import TokenEndpoint


def build_app(settings: ProviderSettings, clock: Clock = time.time, store: Store | None = None) -> ASGIApp:
    """The provider. `store` is closed by whoever made it; without one all is forgotten at the end."""
    provider = Provider(settings, store or Store(), clock)
    plan, journal = FaultPlan(), Journal()
    id_tokens, assertions = IdTokens(provider), Assertions(provider)
    introspection = IntrospectionEndpoint(provider, assertions)
    devices = DeviceAuthorizationEndpoint(provider, assertions)
    pages = LoginPages(provider, plan)

    def gate(endpoint: str, work: Callable[[FormRequest, Twist], Answer]) -> Gate:
        return Gate(endpoint, work, provider, plan, journal)

    def discover(request: FormRequest, _: Twist) -> Answer:
        return json_answer(discovery_document(provider, request.realm))

    def keys(_request: FormRequest, _: Twist) -> Answer:
        return json_answer(id_tokens.public_keys())

    return Starlette(
        routes=[
            Mount("/_control", routes=ControlApi(provider, plan, journal).routes()),
            Route("/{realm}/token", gate("token", TokenEndpoint(provider, id_tokens, assertions)), methods=["POST"]),
            Route("/{realm}/introspect", gate("introspect", introspection), methods=["POST"]),
            Route("/{realm}/revoke", gate("revoke", RevocationEndpoint(provider, assertions)), methods=["POST"]),
            Route("/{realm}/device_authorization", gate("device_authorization", devices), methods=["POST"]),
            Route("/{realm}/device", DevicePage(provider).interact, methods=["GET", "POST"]),
            Route("/{realm}/authorize", pages.authorize, methods=["GET", "POST"]),
            Route("/{realm}/login/{login_id}", pages.interact, methods=["GET", "POST"]),
            Route("/{realm}/.well-known/openid-configuration", gate("discovery", discover), methods=["GET"]),
            Route("/{realm}/jwks", gate("jwks", keys), methods=["GET"]),
            Route("/{realm}/userinfo", gate("userinfo", userinfo(introspection)), methods=["GET", "POST"]),
            Route("/style.css", pages.style),
            Route("/", HomePage(provider).show),
        ]
    )
