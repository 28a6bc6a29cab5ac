"""The door to providers against a real server on a socket: what it answers, and what it must not do."""

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from grantkeeper.oauth2.http import HttpDoor
from grantkeeper.oauth2.http_errors import AddressRefused, HttpError, MaybeSent, NotSent, Unreachable, Untrusted
from grantkeeper.oauth2.token_request import TokenRequest
from tests.waiting import wait_until

Reply = Callable[[asyncio.StreamWriter], Awaitable[None]]
SHORT = 1.0  # seconds of a whole call: enough to connect and send on a busy machine
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: r-1\r\nSet-Cookie: a=b\r\n"


class Server:
    """Answers each request with the next step of a script, and remembers what came."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.requests: list[tuple[str, bytes]] = []
        self.connections = 0
        self.port = 0
        self.asked = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._tasks.add(asyncio.create_task(self._serve(reader, writer)))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next((int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:")), 0)
                self.requests.append((head, await reader.readexactly(length)))
                self.asked.set()
                await self.reply(writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(reply: Reply, context: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server(reply)
    listener = await asyncio.start_server(server, "127.0.0.1", 0, ssl=context)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        await server.stop()


@asynccontextmanager
async def opened(server: Server | None = None, **options: object) -> AsyncIterator[HttpDoor]:
    allowed = () if server is None else (f"127.0.0.1:{server.port}", f"localhost:{server.port}")
    door = HttpDoor(**{"allow_hosts": allowed, "timeout": 5.0, **options})  # type: ignore[arg-type]
    await door.start()
    try:
        yield door
    finally:
        await door.stop()


def request(server: Server, scheme: str = "http", host: str = "127.0.0.1") -> TokenRequest:
    form = {"grant_type": SecretStr("refresh_token"), "refresh_token": SecretStr("r&1")}
    return TokenRequest(f"{scheme}://{host}:{server.port}/token?x=1", form, {"Authorization": SecretStr("Basic eHg=")})


def answering(body: bytes, head: bytes = OK) -> Reply:
    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    return reply


async def test_a_form_is_posted_and_the_answer_comes_whole() -> None:
    async with serving(answering(b'{"a":1}')) as server, opened(server) as door:
        answer = await door.post(request(server))
        head, body = server.requests[0]
    assert (answer.status, answer.body) == (200, b'{"a":1}')
    assert answer.headers == {"x-request-id": "r-1"}
    assert answer.latency > 0
    assert head.startswith("POST /token?x=1 HTTP/1.1\r\n")
    assert "authorization: Basic eHg=" in head
    assert "content-type: application/x-www-form-urlencoded" in head
    assert "gzip" not in head
    assert body == b"grant_type=refresh_token&refresh_token=r%261"
    assert '{"a":1}' not in repr(answer)


async def test_a_connection_is_used_again_without_cookies() -> None:
    async with serving(answering(b"{}")) as server, opened(server) as door:
        for _ in range(5):
            await door.post(request(server))
        heads = [head for head, _ in server.requests]
        assert server.connections == 1
    assert not any("cookie" in head.lower() for head in heads)


async def test_a_document_is_fetched() -> None:
    async with serving(answering(b"{}")) as server, opened(server) as door:
        answer = await door.get(f"http://127.0.0.1:{server.port}/.well-known/openid-configuration")
        assert server.requests[0][0].startswith("GET /.well-known/openid-configuration HTTP/1.1\r\n")
    assert answer.status == 200


async def test_tokens_of_a_hundred_kilobytes_pass() -> None:
    body = b'{"access_token":"' + b"a" * 100_000 + b'"}'
    async with serving(answering(body)) as server, opened(server) as door:
        assert (await door.post(request(server))).body == body


async def test_an_oversized_answer_is_cut_off_and_counts_as_no_answer() -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(1000):
            writer.write(b"2000\r\n" + b"x" * 0x2000 + b"\r\n")
            await writer.drain()

    async with serving(endless) as server, opened(server) as door:
        with pytest.raises(MaybeSent, match="longer than 1048576 bytes"):
            await door.post(request(server))


async def test_a_redirect_is_an_answer_and_nothing_is_sent_on() -> None:
    async with serving(answering(b"{}")) as elsewhere:
        head = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:%d/\r\n" % elsewhere.port
        async with serving(answering(b"", head)) as server, opened(server) as door:
            answer = await door.post(request(server))
        assert answer.status == 307
        assert elsewhere.requests == []


async def test_silence_is_told_as_maybe_sent() -> None:
    async def silence(_: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with serving(silence) as server, opened(server, timeout=SHORT) as door:
        with pytest.raises(MaybeSent, match="no complete answer"):
            await door.post(request(server))
        assert len(server.requests) == 1


async def test_an_answer_that_never_ends_is_told_as_maybe_sent() -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"Content-Length: 1000\r\n\r\n{")
        await writer.drain()
        await asyncio.Event().wait()

    async with serving(drip) as server, opened(server, timeout=SHORT) as door:
        with pytest.raises(MaybeSent):
            await door.post(request(server))


@pytest.mark.parametrize(
    "half",
    [b"", b"HTTP/1.1 200", OK + b"Content-Length: 1000\r\n\r\n{", b"not http at all\r\n\r\n"],
    ids=["nothing", "half a status line", "half a body", "no HTTP"],
)
async def test_a_broken_answer_is_told_as_maybe_sent(half: bytes) -> None:
    async def cut(writer: asyncio.StreamWriter) -> None:
        writer.write(half)
        await writer.drain()
        writer.close()

    async with serving(cut) as server, opened(server) as door:
        with pytest.raises(MaybeSent) as caught:
            await door.post(request(server))
    assert "token" not in str(caught.value)


async def test_a_refused_connection_is_told_as_not_sent() -> None:
    async with serving(answering(b"{}")) as server:
        pass
    async with opened(server) as door:
        with pytest.raises(Unreachable, match="no connection"):
            await door.post(request(server))


async def test_an_unknown_name_is_told_as_not_sent() -> None:
    async with opened() as door:
        with pytest.raises(Unreachable) as caught:
            await door.post(TokenRequest("https://nowhere.example.invalid/secret-path", {}))
    assert "secret-path" not in str(caught.value)


async def test_waiting_for_a_free_connection_is_told_as_not_sent() -> None:
    released = asyncio.Event()

    async def wait(writer: asyncio.StreamWriter) -> None:
        await released.wait()
        writer.write(OK + b"Content-Length: 0\r\n\r\n")

    async with serving(wait) as server, opened(server, max_connections=1) as door:
        holder = asyncio.create_task(door.post(request(server)))
        await wait_until(lambda: len(server.requests) == 1)
        door._timeout = 0.2  # only the call that waits may run out of time: else both race for the connection
        with pytest.raises(Unreachable):
            await door.post(request(server))
        released.set()
        assert (await holder).status == 200
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/token",
        "https://[::1]/token",
        "https://10.1.2.3/token",
        "https://169.254.169.254/latest/meta-data",
        "http://idp.example.com/token",
        "https://localhost/token",
        "https://user:pw@idp.example.com/",
        "https://login..example.com/token",
        "https://" + "x" * 64 + ".example.com/token",
    ],
)
async def test_a_private_or_unencrypted_address_is_refused_before_anything_is_sent(url: str) -> None:
    async with opened() as door:
        with pytest.raises(AddressRefused):
            await door.get(url)


async def test_a_public_name_that_resolves_to_a_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(answering(b"{}")) as server, opened() as door:
        asked: list[str] = []

        async def lookup(host: str, *_: object, **__: object) -> list[object]:
            asked.append(host)
            return [(2, 1, 6, "", ("8.8.8.8", server.port)), (2, 1, 6, "", ("127.0.0.1", server.port))]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lookup)
        with pytest.raises(AddressRefused, match="private or special"):
            await door.get(f"https://rebinding.example.com:{server.port}/")
        assert asked == ["rebinding.example.com"]
        assert server.connections == 0


async def test_a_call_before_the_start_is_a_mistake_of_the_program() -> None:
    with pytest.raises(RuntimeError, match="start the door"):
        await HttpDoor(allow_hosts=("127.0.0.1:1",)).get("http://127.0.0.1:1/")


async def test_a_cancelled_call_stays_cancelled() -> None:
    async def silence(_: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with serving(silence) as server, opened(server) as door:
        task = asyncio.create_task(door.post(request(server)))
        async with asyncio.timeout(5):
            await server.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_calls_at_a_time_do_not_mix_up_how_far_they_came() -> None:
    async with serving(answering(b"{}")) as server, opened(server, max_connections=5) as door:
        good = [door.post(request(server)) for _ in range(40)]
        closed = TokenRequest("http://127.0.0.1:1/", {})
        outcomes = await asyncio.gather(*good, door.post(closed), return_exceptions=True)
    assert all(not isinstance(outcome, BaseException) for outcome in outcomes[:-1])
    assert isinstance(outcomes[-1], NotSent)


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    pem = folder / "server.pem"
    authority = folder / "authority.pem"
    authority.write_bytes(built.public_bytes(Encoding.PEM))
    pem.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + built.public_bytes(Encoding.PEM)
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    return context, authority


async def test_a_certificate_that_does_not_verify_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    context, _ = certificate(tmp_path)
    async with serving(answering(b"{}"), context) as server, opened(server) as door:
        with pytest.raises(Untrusted, match="does not verify"):
            await door.post(request(server, "https"))
        assert server.requests == []


async def test_an_authority_of_ones_own_is_trusted_for_its_names_only(tmp_path: Path) -> None:
    context, authority = certificate(tmp_path)
    async with serving(answering(b"{}"), context) as server, opened(server, ca_file=authority) as door:
        assert (await door.post(request(server, "https"))).status == 200
        with pytest.raises(Untrusted):
            await door.post(request(server, "https", "localhost"))


async def test_a_proxy_is_asked_for_a_tunnel_and_resolves_the_name_itself() -> None:
    head = b"HTTP/1.1 403 Forbidden\r\n"
    async with serving(answering(b"", head)) as proxy:
        async with opened(proxy=SecretStr(f"http://user:pw@127.0.0.1:{proxy.port}")) as door:
            with pytest.raises(HttpError) as caught:
                await door.post(TokenRequest("https://idp.example.com/token", {}))
            with pytest.raises(AddressRefused):
                await door.get("https://10.0.0.1/")
        asked = [text for text, _ in proxy.requests]
    assert isinstance(caught.value, NotSent)
    assert len(asked) == 1
    assert asked[0].startswith("CONNECT idp.example.com:443 HTTP/1.1\r\n")
    assert "proxy-authorization: Basic dXNlcjpwdw==" in asked[0]


async def test_a_proxy_learns_name_and_password_also_where_no_tunnel_is_asked_for() -> None:
    async with serving(answering(b"{}")) as proxy:
        address = SecretStr(f"http://user:pw@127.0.0.1:{proxy.port}")
        async with opened(proxy=address, allow_hosts=("127.0.0.1:9",)) as door:
            await door.get("http://127.0.0.1:9/metadata")
        text, _ = proxy.requests[0]
    assert text.startswith("GET http://127.0.0.1:9/metadata ")
    assert "proxy-authorization: Basic dXNlcjpwdw==" in text.replace("Proxy-Authorization", "proxy-authorization")
