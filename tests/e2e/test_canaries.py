"""No secret is readable anywhere: planted ones are searched in all that leaves a process and on both servers' disks."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import parse_qs, quote_plus, urlsplit

import pytest
import requests
import uuid_utils
from aiokafka import AIOKafkaProducer
from pydantic import SecretStr
from pymongo import MongoClient

from devstack import demo
from devstack.errors import PartMissing
from devstack.kafka import Kafka
from devstack.keys import CONSOLE_USER
from devstack.login import log_in
from devstack.mongo import UNCOMPRESSED, Mongo
from devstack.provider.control_client import ProviderControl
from devstack.provider.settings import ClientSettings
from grantkeeper.crypto.at_rest import AtRest
from grantkeeper.crypto.ring import VaultRing
from grantkeeper_client import AccessToken, Asker, Grantkeeper, load_credential
from tests.conftest import ENVIRONMENT, part_missing
from tests.e2e.canaries import files_below, hits, spellings
from tests.e2e.running_stack import RunningStack, running_stack

CLIENT_ID = "canary-client"
CLIENT_SECRET = "canary/client+secret=&of~the run/0123456789"
POSITIVE = "planted/positive+that=must&be~found 0123456789"
DATABASE = "grantkeeper"


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
        }

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
    secrets = await play_with_canaries(watched)
    assert set(secrets) >= {"client secret", "code", "access token 1", "access token 2", "refresh token"}
    read_pages(watched)
    await plant_positives(watched)
    watched.flush()
    for place, folder in watched.places.items():
        found = hits(files_below(folder), {"positive": POSITIVE})
        for spelling in spellings(POSITIVE):
            assert any(f"({spelling})" in line for line in found), f"the search is blind for {spelling} in {place}"
    output = watched.stack.output
    assert hits([*files_below(*watched.places.values()), output], secrets) == []


async def play_with_canaries(watched: Watched) -> dict[str, str]:
    """Add, log in, get, refresh, get; returns every secret that played a part."""
    layout = watched.stack.layout
    provider = ProviderControl(layout.url("provider"))
    await asyncio.to_thread(provider.register, ClientSettings(client_id=CLIENT_ID, secrets=(SecretStr(CLIENT_SECRET),)))
    secrets = {"client secret": CLIENT_SECRET}

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
        secrets["refresh token"] = refresh_token(watched, config_id)
        secrets["access token 2"] = (await refresh_now(stage)).value
        secrets["refresh token after a refresh"] = refresh_token(watched, config_id)
    return secrets


async def refresh_now(stage: demo.Stage) -> AccessToken:
    """Refresh by command; the access token of the new generation."""
    status = await stage.status()
    await stage.command("token.refresh", {"config": stage.config_id, "generation": status["generation"]})
    async with Grantkeeper(load_credential(stage.layout.credential("mail"))) as mail:
        token = await mail.get_access_token(stage.name, min_validity=1)
    assert token.generation > status["generation"]
    return token


def refresh_token(watched: Watched, config_id: str) -> str:
    """The stored refresh token, opened with the stack's own ring: what the search must not find."""
    ring = VaultRing.from_file(watched.stack.layout.rings / "vault.ring.json")
    with MongoClient[dict[str, object]](watched.mongo.uri) as client:
        document = client[DATABASE]["grants"].find_one({"_id": config_id})
    assert document is not None
    grant = document["grant"]
    assert isinstance(grant, dict)
    sealed = grant["refresh_token"]
    opened = AtRest(ring).decrypt(sealed, collection="grants", document=config_id, field="refresh_token")
    return opened.get_secret_value()


def read_pages(watched: Watched) -> None:
    """Keep what the console shows and feeds to a person who is logged in."""
    layout = watched.stack.layout
    folder = watched.places["pages"]
    folder.mkdir()
    with requests.Session() as browser:
        browser.trust_env = False
        base = layout.url("console")
        password = layout.console_password.read_text().strip()
        form = {"name": CONSOLE_USER, "password": password}
        browser.post(f"{base}/login", data=form, headers={"Origin": base}, timeout=10).raise_for_status()
        for name in ("", "tokens", "notifications", "templates", "transfer"):
            page = browser.get(f"{base}/{name}", timeout=10)
            page.raise_for_status()
            (folder / f"{name or 'root'}.html").write_bytes(page.content)


async def plant_positives(watched: Watched) -> None:
    """Put a secret that must be found into each place, in each spelling."""
    lines = [POSITIVE, quote_plus(POSITIVE), *sorted(form.decode() for form in spellings(POSITIVE)["base64"])]
    text = json.dumps(lines)
    (watched.places["logs"] / "planted.log").write_text(text)
    (watched.places["pages"] / "planted.html").write_text(text)
    async with AIOKafkaProducer(bootstrap_servers=watched.kafka.bootstrap_servers) as producer:
        await producer.send_and_wait("grantkeeper.token.events", text.encode(), key=b"planted")
    with MongoClient[dict[str, object]](watched.mongo.uri) as client:
        client[DATABASE]["planted"].insert_one({"text": text})
