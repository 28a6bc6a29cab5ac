"""What the benchmark measures: one refresher of the product on servers that are tuned as in production.

Kafka runs with its second compiler, which the quick start of tests leaves out; the endpoint waits and does nothing
else; the tokens are made by the product's own import, authorization and refresh.
"""

import asyncio
import dataclasses
import hashlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import uuid_utils
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pymongo import MongoClient

from devstack.kafka import JVM, Kafka
from devstack.keys import PREFIX, prepare_keys
from devstack.layout import Layout
from devstack.local_templates import prepare_templates
from devstack.mongo import Mongo
from devstack.processes import Service, Supervisor
from devstack.servers import Servers
from devstack.services import Places, services
from grantkeeper.strict_yaml import dump
from grantkeeper_client import Asker, Credential, Envelope, encode, load_credential, seal_to_installation, sign
from tests.bench.load import Prepared
from tests.e2e.running_stack import free_port_base

DATABASE = "grantkeeper"
REQUESTS, REPLIES = f"{PREFIX}token.requests", f"{PREFIX}replies.mail"
PARTITIONS = 6
CHUNK = 100
AT_ONCE = 20
"""Authorizations in flight while the bench prepares itself."""
SECRET = "bench-client-secret"


@dataclass(frozen=True, slots=True)
class Side:
    """One of those that are compared: where it is asked, where it answers, as which process."""

    name: str
    topic: str
    replies: str
    pid: int


@dataclass(frozen=True, slots=True)
class Installation:
    """A running product, and what the benchmark needs to ask it."""

    layout: Layout
    bootstrap: str
    mongo_uri: str
    endpoint: int
    admin: Credential
    mail: Credential
    refresher_service: Service
    """How a refresher is started."""
    processes: Mapping[str, int]
    """Process ids by name."""

    @property
    def refresher(self) -> int:
        """Its process id."""
        return self.processes["refresher"]

    @property
    def database(self) -> Any:
        """The product's database, by a client of the bench's own."""
        return MongoClient[dict[str, Any]](self.mongo_uri, tz_aware=True)[DATABASE]


@contextmanager
def places(folder: Path) -> Iterator[tuple[Places, int]]:
    """Start servers and endpoint; yields where everything is, and the endpoint's port."""
    with ExitStack() as stack:
        kafka = Kafka(folder / "kafka", jvm=JVM).start()
        stack.callback(kafka.stop)
        mongo = Mongo(folder / "mongo").start()
        stack.callback(mongo.stop)
        _, port = stack.enter_context(process_that_says("tests.bench.endpoint"))
        layout = Layout(folder / "data", free_port_base())
        layout.data.mkdir(parents=True)
        prepare_keys(layout, kafka.bootstrap_servers)
        prepare_templates(layout)
        yield Places(layout, Servers(kafka.bootstrap_servers, mongo.uri), (f"127.0.0.1:{port}",)), int(port)


@contextmanager
def running(folder: Path, names: Sequence[str] = ("config_service", "refresher")) -> Iterator[Installation]:
    """Start servers, endpoint and services by name; by default config_service and one refresher."""
    with places(folder) as (where, endpoint):
        layout, servers = where.layout, where.servers
        supervisor = Supervisor(layout.data, environment={}, tell=print)
        try:
            table = {one.name: one for one in services(where)}
            supervisor.start([table[name] for name in names])
            supervisor.wait_until_ready()
            admin, mail = (load_credential(layout.credential(name)) for name in ("admin", "mail"))
            pids = {name: supervisor.child(name).pid for name in names}
            yield Installation(
                layout=layout,
                bootstrap=servers.bootstrap_servers,
                mongo_uri=servers.mongo_uri,
                endpoint=endpoint,
                admin=admin,
                mail=mail,
                refresher_service=table["refresher"],
                processes={name: pid for name, pid in pids.items() if pid is not None},
            )
        finally:
            supervisor.stop()


@contextmanager
def process_that_says(module: str, *arguments: str) -> Iterator[tuple[int, str]]:
    """Run a module that prints one line when it is ready; yields its process id and the line."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.pid, process.stdout.readline().strip()
        finally:
            process.kill()


async def make_tokens(installation: Installation, count: int) -> list[str]:
    """Import `count` configs and authorize each; returns their ids."""
    ids = [str(uuid_utils.uuid7()) for _ in range(count)]
    async with Asker(installation.admin) as asker:
        for start in range(0, count, CHUNK):
            await import_configs(installation, asker, ids[start : start + CHUNK], start)
        free = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(_authorize(installation, asker, free, config_id) for config_id in ids))
    return ids


async def import_configs(installation: Installation, asker: Asker, ids: Sequence[str], start: int) -> None:
    """Import one chunk of configs, named by numbers from `start`."""
    await import_records(asker, records(installation, ids, start))


def records(installation: Installation, ids: Sequence[str], start: int) -> list[dict[str, object]]:
    """Make records for an import, named by numbers from `start`."""
    return [
        {
            "index": start + place,
            "line": 1,
            "config_id": config_id,
            "text": record(installation, f"Bench {start + place}"),
        }
        for place, config_id in enumerate(ids)
    ]


async def import_records(asker: Asker, chunk: Sequence[dict[str, object]]) -> None:
    """Import one chunk; every record of it is new."""
    data = {"import_id": str(uuid_utils.uuid7()), "chunk": 0, "records": chunk}
    report = await asker.ask(
        "config.commands", "grantkeeper.config.import.v1", data, key=b"bench", deadline=timedelta(seconds=60)
    )
    refused = [one for one in report["records"] if one["outcome"] != "added"]
    assert not refused, refused


def record(installation: Installation, name: str) -> str:
    """One record in the product's format, at the bench's endpoint."""
    host = f"127.0.0.1:{installation.endpoint}"
    sealed = seal_to_installation(
        installation.admin.installation_key, SECRET, use="client_secret", bound={"client_id": "bench", "host": host}
    )
    requests = {
        "AuthorizationCode": _block(
            f"http://{host}/authorize",
            {"response_type": "code"},
            {"client_id": "ClientID", "redirect_uri": "RedirectURL", "scope": "Scope", "state": "State"},
            {"code": "AuthorizationCode", "state": "State"},
        ),
        "TokenByAuthorizationCode": _token_block(host, "authorization_code", {"code": "AuthorizationCode"}),
        "TokenByRefreshToken": _token_block(host, "refresh_token", {"refresh_token": "RefreshToken"}),
    }
    config: Any = {
        "AuthFlow": "AuthorizationCode",
        "ClientID": "bench",
        "ClientSecret": sealed,
        "Scope": "mail.imap offline_access",
        "Requests": requests,
        "Notifications": {"NotifyOnExpiredToken": "0", "NotifyOnExpiredRefreshToken": "1"},
        "TemplateName": "Bench",
    }
    return dump({"Name": name, "Config": config, "ValidID": "1"})


def _token_block(host: str, grant_type: str, own: dict[str, str]) -> dict[str, object]:
    autofill = {"client_id": "ClientID", "client_secret": "ClientSecret", "redirect_uri": "RedirectURL", **own}
    answer = {
        "access_token": "Token",
        "expires_in": "TokenExpirationDate",
        "refresh_token": "RefreshToken",
        "error": "ErrorMessage",
    }
    return _block(f"http://{host}/token", {"grant_type": grant_type}, autofill, answer)


def _block(url: str, parameters: dict[str, str], autofill: dict[str, str], answer: dict[str, str]) -> dict[str, object]:
    request = {"URL": url, "Parameters": parameters, "AutofilledParametersMapping": autofill}
    return {"Request": request, "Response": {"ParametersMapping": answer}}


async def _authorize(installation: Installation, asker: Asker, free: asyncio.Semaphore, config_id: str) -> None:
    async with free:
        start = {"config": config_id, "min_revision": 1}
        deadline = timedelta(seconds=60)
        started = await asker.ask(
            "token.requests", "grantkeeper.authorization.start.v1", start, key=config_id.encode(), deadline=deadline
        )
        state = parse_qs(urlsplit(started["url"]).query)["state"][0]
        bound = {"state_hash": hashlib.sha256(state.encode()).hexdigest()}
        code = seal_to_installation(
            installation.admin.installation_key, f"code-{config_id}", use="authorization_code", bound=bound
        )
        complete = {"config": config_id, "code": code, "state": state}
        await asker.ask(
            "token.requests",
            "grantkeeper.authorization.complete.v1",
            complete,
            key=config_id.encode(),
            deadline=deadline,
        )


def gets(installation: Installation, ids: Sequence[str], topic: str, count: int) -> Iterator[Prepared]:
    """`count` signed requests for access tokens, made before the clock starts."""
    key, now = installation.mail.signer(), datetime.now(UTC)
    prepared = []
    for number in range(count):
        config_id = ids[number % len(ids)]
        correlation = str(uuid_utils.uuid7())
        envelope = sign(
            Envelope(
                topic=topic,
                key=config_id.encode(),
                id=correlation,
                type="grantkeeper.token.get.v1",
                source="/principals/mail",
                time=now,
                value=json.dumps({"config": config_id, "min_validity": 60}).encode(),
                subject=config_id,
                expirytime=now + timedelta(minutes=9),
                correlation_id=correlation,
            ),
            key,
        )
        prepared.append(Prepared(correlation.encode(), config_id.encode(), envelope.value, encode(envelope)))
    return iter(prepared)


@asynccontextmanager
async def echo(
    installation: Installation, name: str, ids: Sequence[str], reply: bytes, *arguments: str
) -> AsyncIterator[Side]:
    """A baseline of `get`, with documents and replies of the product's sizes."""
    side = Side(name, f"{name}.requests", f"{name}.replies", 0)
    await make_topics(installation.bootstrap, side.topic)
    await make_topics(installation.bootstrap, side.replies, partitions=1)
    database = installation.database
    size = len(json.dumps(database["grants"].find_one({"_id": ids[0]}), default=str))
    padding = "p" * max(0, size - len(reply))
    for one in ids:
        document = {"_id": one, "reply": reply.decode(), "rest": padding}
        database["echo"].replace_one({"_id": one}, document, upsert=True)
    settings = {
        "bootstrap": installation.bootstrap,
        "requests": side.topic,
        "replies": side.replies,
        "mongo": installation.mongo_uri,
        "database": DATABASE,
    }
    given = (*(f"--{name}={value}" for name, value in settings.items()), *arguments)
    with process_that_says("tests.bench.echo", *given) as (pid, line):
        assert line == "ready", line
        yield dataclasses.replace(side, pid=pid)


async def make_topics(bootstrap: str, *topics: str, partitions: int = PARTITIONS) -> None:
    """Make topics of a baseline."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, partitions, 1) for topic in topics])
    await admin.close()
