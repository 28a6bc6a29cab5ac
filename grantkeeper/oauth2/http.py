"""The one door to providers: one call, one deadline, one answer of limited size, no redirect, no cookie.

The only user of httpx and aiohttp. httpx's own connection pool looks through all its connections at every request; at
50 calls at a time aiohttp's pool underneath gives 6 times its throughput (0.89 of bare sockets; one httpx connection
per client gives 0.82 at twice the processor time), so httpx's transport for it is called directly.
"""

import asyncio
import base64
import ipaddress
import socket
import ssl
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, cast

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from httpx_aiohttp import AiohttpTransport
from pydantic import SecretStr
from typing_extensions import override

from grantkeeper.oauth2.addresses import AllowList, address_problem, url_problem
from grantkeeper.oauth2.answer import KEPT_HEADERS, HttpAnswer
from grantkeeper.oauth2.discovery import host
from grantkeeper.oauth2.http_errors import AddressRefused, HttpError, MaybeSent, Unreachable, Untrusted
from grantkeeper.oauth2.token_request import TokenRequest

TIMEOUT: Final = 14.5
"""Seconds for a whole call, name resolution and the last byte included: half a second before the caller's own deadline
of 15, since only the door can tell whether anything was sent."""
BODY_LIMIT: Final = 1_048_576
"""Bytes of an answer: the longest tokens seen have some 100 kB."""
_HEADER_LIMIT: Final = 1000
_KEEP_ALIVE: Final = 15.0
"""Seconds an idle connection is kept: shorter than what servers commonly allow, so that we close first."""
_ACCEPT: Final = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "grantkeeper"}
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_EXTENSIONS: Final = {"timeout": {"connect": None, "read": None, "write": None, "pool": None}}
"""The door has one deadline for all of it."""


@dataclass(slots=True)
class _Progress:
    """How far one call came; without a connection nothing can have been sent."""

    connected: bool = False


_progress: ContextVar[_Progress] = ContextVar("progress")


class HttpDoor:
    """Calls providers; to be started before the first call and stopped after the last.

    `allow_hosts` are `host` or `host:port` that may be called without encryption and at private addresses. With a
    `proxy` it is the proxy that resolves names; only literal and local ones are refused here then. `ca_file` adds
    authorities to the system's.
    """

    def __init__(
        self,
        *,
        allow_hosts: tuple[str, ...] = (),
        proxy: SecretStr | None = None,
        ca_file: Path | None = None,
        max_connections: int = 100,
        timeout: float = TIMEOUT,
        body_limit: int = BODY_LIMIT,
    ) -> None:
        self._allowed = AllowList(allow_hosts)
        self._proxy = _proxy(proxy.get_secret_value()) if proxy is not None else None
        self._ca_file = ca_file
        self._max_connections = max_connections
        self._timeout = timeout
        self._body_limit = body_limit
        self._transport: AiohttpTransport | None = None

    async def start(self) -> None:
        """Make the pool; opens no connection. Raises OSError or ssl.SSLError for a bad `ca_file`."""
        context = ssl.create_default_context()
        if self._ca_file is not None:
            context.load_verify_locations(self._ca_file)
        connector = aiohttp.TCPConnector(
            limit=self._max_connections,
            ssl=context,
            keepalive_timeout=_KEEP_ALIVE,
            resolver=_GuardedResolver(self._allowed) if self._proxy is None else None,
        )
        tracing = aiohttp.TraceConfig()
        tracing.on_connection_create_end.append(_note_connection)
        tracing.on_connection_reuseconn.append(_note_connection)
        session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trace_configs=[tracing], trust_env=False
        )
        self._transport = AiohttpTransport(client=session, proxy=self._proxy, trust_env=False)

    async def stop(self) -> None:
        """Close all connections."""
        if self._transport is not None:
            await self._transport.aclose()
            self._transport = None

    async def post(self, request: TokenRequest) -> HttpAnswer:
        """Post a form; raises HttpError."""
        own = {name: value.get_secret_value() for name, value in request.headers.items()}
        return await self._call("POST", request.url, {**_ACCEPT, **_FORM, **own}, request.body())

    async def get(self, url: str) -> HttpAnswer:
        """Fetch a document, such as an issuer's metadata; raises HttpError."""
        return await self._call("GET", url, dict(_ACCEPT), b"")

    async def _call(self, method: str, url: str, headers: dict[str, str], body: bytes) -> HttpAnswer:
        name = host(url)
        problem = url_problem(url, self._allowed)
        if problem is not None:
            raise AddressRefused(name or "address", problem)
        progress = _Progress()
        token = _progress.set(progress)
        try:
            async with asyncio.timeout(self._timeout):
                return await self._exchange(method, url, headers, body)
        except TimeoutError:
            problem = f"no complete answer within {self._timeout:g} s"
            raise (MaybeSent if progress.connected else Unreachable)(name, problem) from None
        except UnicodeError:
            # An impossible host name (an empty or too long label, broken IDNA) is found only where it is resolved.
            raise AddressRefused(name or "address", "the host name is impossible: correct the address") from None
        except (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError) as error:
            raise _translated(error, name, progress) from None
        finally:
            _progress.reset(token)

    async def _exchange(self, method: str, url: str, headers: dict[str, str], body: bytes) -> HttpAnswer:
        if self._transport is None:
            raise RuntimeError("start the door before calling through it")
        clock = asyncio.get_running_loop().time
        started = clock()
        target = _parsed(url)
        if self._proxy is not None and target.scheme == "http":
            # Without a tunnel the request itself goes to the proxy; aiohttp gives these headers to tunnels alone.
            headers |= dict(self._proxy.headers)
        request = httpx.Request(method, target, headers=headers, content=body, extensions=_EXTENSIONS)
        response = await self._transport.handle_async_request(request)
        async with aclosing(response):
            content = await self._read(response, host(url))
        return HttpAnswer(response.status_code, _kept(response.headers), content, clock() - started)

    async def _read(self, response: httpx.Response, name: str) -> bytes:
        content = bytearray()
        async for chunk in cast("httpx.AsyncByteStream", response.stream):
            content += chunk
            if len(content) > self._body_limit:
                raise MaybeSent(name, f"the answer is longer than {self._body_limit} bytes")
        return bytes(content)


class _GuardedResolver(AbstractResolver):
    """Resolves to public addresses only, unless the host is allowed; aiohttp connects to exactly what is returned."""

    def __init__(self, allowed: AllowList) -> None:
        self._allowed = allowed
        self._inner = aiohttp.ThreadedResolver()

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if not self._allowed.allows(host, port):
            # One private address among public ones is a trick, not a coincidence: all of it is refused.
            for one in found:
                problem = address_problem(ipaddress.ip_address(one["host"].partition("%")[0]))
                if problem is not None:
                    raise AddressRefused(host, problem)
        return found

    @override
    async def close(self) -> None:
        await self._inner.close()


@lru_cache(maxsize=1024)  # a fifth of a call's own processor time, for the same few addresses
def _parsed(url: str) -> httpx.URL:
    return httpx.URL(url)


def _kept(headers: httpx.Headers) -> dict[str, str]:
    named = ((name.decode("latin-1").lower(), value) for name, value in headers.raw)
    return {name: value.decode("latin-1")[:_HEADER_LIMIT] for name, value in named if name in KEPT_HEADERS}


def _proxy(url: str) -> httpx.Proxy:
    proxy = httpx.Proxy(url)
    if proxy.auth is None:
        return proxy
    # As a header: aiohttp is taking its own way to give a name and password back.
    pair = base64.b64encode(":".join(proxy.auth).encode()).decode()
    return httpx.Proxy(proxy.url, headers={"Proxy-Authorization": f"Basic {pair}"})


async def _note_connection(*_: object) -> None:
    _progress.get().connected = True


def _translated(error: BaseException, name: str, progress: _Progress) -> HttpError:
    """Tell by how far the call came what may have happened; the library's own words may hold the address."""
    if progress.connected:
        return MaybeSent(name, f"the connection broke before the answer was complete ({type(error).__name__})")
    causes = _causes(error)
    refused = next((one for one in causes if isinstance(one, AddressRefused)), None)
    if refused is not None:
        return refused
    if any(isinstance(one, ssl.SSLCertVerificationError | aiohttp.ClientConnectorCertificateError) for one in causes):
        reasons = (getattr(one, "verify_message", None) for one in causes)
        reason = next((text for text in reasons if text), "see the CA file setting")
        return Untrusted(name, f"the certificate does not verify: {reason}")
    words = next((one.strerror for one in causes if isinstance(one, OSError) and one.strerror), type(error).__name__)
    return Unreachable(name, f"no connection: {words}")


def _causes(error: BaseException) -> list[BaseException]:
    causes: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in causes:
        causes.append(following)
        inner = getattr(following, "os_error", None) or getattr(following, "certificate_error", None)
        following = following.__cause__ or following.__context__ or (inner if isinstance(inner, Exception) else None)
    return causes
