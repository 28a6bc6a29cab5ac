"""No secret is readable anywhere: planted ones are searched in all that leaves a process and on both servers' disks."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlsplit

import pytest
import uuid_utils
from aiokafka import AIOKafkaProducer
from pydantic import SecretStr
from pymongo import MongoClient

from devstack import demo
from devstack.errors import PartMissing
from devstack.kafka import Kafka
from devstack.login import log_in
from devstack.mongo import UNCOMPRESSED, Mongo
from devstack.provider.control_client import ProviderControl
from devstack.provider.faults import Fault
from devstack.provider.settings import ClientSettings
from grantkeeper_client import AccessToken, Asker, Grantkeeper, GrantkeeperError, ReplyError, load_credential
from tests.conftest import ENVIRONMENT, part_missing
from tests.e2e.canaries import files_below, hits, spellings
from tests.e2e.console_session import ConsoleSession
from tests.e2e.running_stack import RunningStack, running_stack
from tests.e2e.stored import DATABASE, stored_refresh_token

pytestmark = pytest.mark.long

CLIENT_ID = "canary-client"
CLIENT_SECRET = "canary/client+secret=&of~the run/0123456789"
IN_A_FILE = "canary/of+a=file&that~was imported 9876543210"
SENT_READABLY = "canary/sent+readably=by&mistake 5432109876"
FILE = f"""\
- Name: Imported
  Config:
    ClientID: canary-of-a-file
    ClientSecret: "{IN_A_FILE}"
- Name: Nowhere
  Config:
    ClientSecret: "{IN_A_FILE}"
    ClientSecret: "{IN_A_FILE}"
"""
POSITIVE = "planted/positive+that=must&be~found 0123456789"


class Watched:
    """A stack on servers whose files hold what they were given, uncompressed."""

    def __init__(self, stack: RunningStack, kafka: Kafka, mongo: Mongo, folder: Path) -> None:
        self.stack = stack
        self.kafka = kafka
        self.mongo = mongo
        self.places: Mapping[str, Path] = {
            "logs": stack.layout.data / "logs",
            "broker files": folder / "kafka",
            "mongod files": folder / "mongo",
            "pages": folder / "pages",
            "command line": folder / "command line",
        }
        for written in ("pages", "command line"):
            self.places[written].mkdir()

    def keep(self, place: str, name: str, content: str) -> None:
        """Write down what a page or a command showed."""
        (self.places[place] / name).write_text(content, encoding="utf-8")

    def flush(self) -> None:
        """Bring what mongod holds in memory to its disk."""
        with MongoClient[dict[str, object]](self.mongo.uri) as client:
            client.admin.command("fsync")


@pytest.fixture(scope="module")
def watched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """The stack on servers of its own."""
    folder = tmp_path_factory.mktemp("canaries")
    with ExitStack() as stack:
        try:
            kafka = Kafka(folder / "kafka").start()
            stack.callback(kafka.stop)
            mongo = Mongo(folder / "mongo", arguments=UNCOMPRESSED).start()
            stack.callback(mongo.stop)
        except PartMissing as missing:
            part_missing(request.config, str(missing))
        servers = {
            "GRANTKEEPER_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "GRANTKEEPER_MONGO__URI": mongo.uri,
        }
        environment = {**{name: value for name, value in ENVIRONMENT.items() if name != "CI"}, **servers}
        yield Watched(stack.enter_context(running_stack(folder / "stack", environment)), kafka, mongo, folder)


@pytest.mark.timeout(240)
async def test_no_planted_secret_is_readable_anywhere(watched: Watched) -> None:
    config_id, secrets = await play_with_canaries(watched)
    assert set(secrets) >= {"client secret", "code", "access token 1", "access token 2", "refresh token"}
    await asyncio.to_thread(read_pages, watched, config_id)
    await asyncio.to_thread(run_commands, watched)
    await plant_positives(watched)
    watched.flush()
    for place, folder in watched.places.items():
        found = hits(files_below(folder), {"positive": POSITIVE})
        for spelling in spellings(POSITIVE):
            assert any(f"({spelling})" in line for line in found), f"the search is blind for {spelling} in {place}"
    output = watched.stack.output
    assert hits([*files_below(*watched.places.values()), output], secrets) == []
    # What a sender itself put on the bus readably is on the broker's disk, whatever we do: nowhere else.
    elsewhere = [folder for place, folder in watched.places.items() if place != "broker files"]
    assert hits([*files_below(*elsewhere), output], {"secret sent readably": SENT_READABLY}) == []
    assert hits(files_below(watched.places["broker files"]), {"secret sent readably": SENT_READABLY})


async def play_with_canaries(watched: Watched) -> tuple[str, dict[str, str]]:
    """Add, log in, get, refresh, get, and everything that goes wrong; returns every secret that played a part."""
    layout = watched.stack.layout
    provider = ProviderControl(layout.url("provider"))
    await asyncio.to_thread(provider.register, ClientSettings(client_id=CLIENT_ID, secrets=(SecretStr(CLIENT_SECRET),)))
    secrets = {"client secret": CLIENT_SECRET, "secret in a file": IN_A_FILE}

    def remember_code(url: str, *, login: str) -> str:
        returned = log_in(url, login=login)
        secrets["code"] = parse_qs(urlsplit(returned).query)["code"][0]
        return returned

    credential = load_credential(layout.credential("admin"))
    async with Asker(credential) as admin, Grantkeeper(load_credential(layout.credential("mail"))) as mail:
        config_id = str(uuid_utils.uuid7())
        stage = demo.Stage(
            layout, admin, credential, mail, provider, config_id, "Canary", CLIENT_ID, CLIENT_SECRET, remember_code
        )
        await demo.add(stage)
        await demo.authorize(stage)
        secrets["access token 1"] = (await mail.get_access_token("Canary", min_validity=1)).value
        secrets["refresh token"] = stored_refresh_token(layout, watched.mongo.uri, config_id)
        secrets["access token 2"] = (await refresh_now(stage)).value
        secrets["refresh token after a refresh"] = stored_refresh_token(layout, watched.mongo.uri, config_id)
        await send_readably(stage)
        await hear_secrets_back(stage, secrets)
    return config_id, secrets


async def send_readably(stage: demo.Stage) -> None:
    """A sender that forgot to seal: refused, and nothing of it goes any further."""
    config_id = str(uuid_utils.uuid7())
    fields = {"name": "Readable", "client_id": "x", "client_secret": SENT_READABLY}
    with pytest.raises(ReplyError) as refused:
        await stage.command("config.create", {"config_id": config_id, "template": "OpenID Connect", "fields": fields})
    assert refused.value.code == "plain_secret"
    assert SENT_READABLY not in str(refused.value)


async def hear_secrets_back(stage: demo.Stage, secrets: Mapping[str, str]) -> None:
    """A provider whose errors repeat what it was sent; the last one says that the client secret is wrong."""
    echo = " ".join([secrets["client secret"], secrets["refresh token after a refresh"], secrets["access token 2"]])
    for code, status in (("server_error", 500), ("invalid_client", 401)):

        def is_told(found: Mapping[str, Any], code: str = code) -> bool:
            return (found["last_error"] or {}).get("code") == code

        body = json.dumps({"error": code, "error_description": f"it sent {echo}", "error_uri": quote_plus(echo)})
        order = Fault(client_id=CLIENT_ID, status=status, body=body)
        await asyncio.to_thread(stage.provider.fail, order)
        generation = (await stage.status())["generation"]
        with suppress(GrantkeeperError):
            await stage.command("token.refresh", {"config": stage.config_id, "generation": generation})
        shown = await demo.until(stage.status, is_told)
        assert "it sent" in shown["last_error"]["text"], "what the provider said is shown, without the secrets"
        await asyncio.to_thread(stage.provider.clear)


async def refresh_now(stage: demo.Stage) -> AccessToken:
    """Refresh by command; the access token of the new generation."""
    status = await stage.status()
    await stage.command("token.refresh", {"config": stage.config_id, "generation": status["generation"]})
    async with Grantkeeper(load_credential(stage.layout.credential("mail"))) as mail:
        token = await mail.get_access_token(stage.name, min_validity=1)
    assert token.generation > status["generation"]
    return token


def read_pages(watched: Watched, config_id: str) -> None:
    """Keep what the console shows to a person who is logged in."""
    console = ConsoleSession(watched.stack.layout)
    for name in ("", "tokens", "notifications", "templates", "transfer", "transfer/export"):
        watched.keep("pages", f"{name.replace('/', ' ') or 'root'}.html", console.read(name))
    for name in ("", "/edit", "/history", "/authorize", "/delete", "/revoke"):
        watched.keep("pages", f"token {name.strip('/')}.html", console.read(f"tokens/{config_id}{name}"))
    for action in ("preview", "import"):
        report = console.send("transfer/import", {"action": action}, file=("import.yml", FILE.encode()))
        assert "stands twice" in report, "the record that is malformed is told"
        watched.keep("pages", f"{action}.html", report)


COMMANDS = (
    ("config", "get", "Canary"),
    ("config", "get", "Canary", "--text"),
    ("config", "history", "Canary", "-o", "json"),
    ("config", "export"),
    ("config", "validate", "FILE"),
    ("config", "import", "FILE", "--dry-run"),
    ("config", "import", "FILE", "--overwrite", "-o", "json"),
    ("token", "status", "Canary", "-o", "json"),
    ("token", "list"),
    ("token", "refresh", "Canary"),
    ("notifications", "list", "-o", "json"),
    ("dead-letters", "list"),
    ("principals", "list"),
)


def run_commands(watched: Watched) -> None:
    """Keep what `grantkeeper` prints, where it succeeds and where it fails; `token get` alone may print a token."""
    file = watched.stack.layout.data.parent / "import.yml"
    file.write_text(FILE, encoding="utf-8")
    credential = str(watched.stack.layout.credential("admin"))
    for number, command in enumerate(COMMANDS):
        words = [str(file) if word == "FILE" else word for word in command]
        done = subprocess.run(
            [sys.executable, "-m", "grantkeeper.cli", "--credential", credential, *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stdout or done.stderr, command
        assert "Traceback" not in done.stderr, done.stderr
        watched.keep("command line", f"{number}.txt", done.stdout + done.stderr)


async def plant_positives(watched: Watched) -> None:
    """Put a secret that must be found into each place, in each spelling."""
    lines = [POSITIVE, quote_plus(POSITIVE), *sorted(form.decode() for form in spellings(POSITIVE)["base64"])]
    text = json.dumps(lines)
    (watched.places["logs"] / "planted.log").write_text(text)
    watched.keep("pages", "planted.html", text)
    watched.keep("command line", "planted.txt", text)
    async with AIOKafkaProducer(bootstrap_servers=watched.kafka.bootstrap_servers) as producer:
        await producer.send_and_wait("grantkeeper.token.events", text.encode(), key=b"planted")
    with MongoClient[dict[str, object]](watched.mongo.uri) as client:
        client[DATABASE]["planted"].insert_one({"text": text})
