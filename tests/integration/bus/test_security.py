"""TLS and SASL on the wire: a broker that lets in nobody without a login, over nothing but TLS."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from devstack.errors import PartMissing
from devstack.kafka import Kafka, Node
from devstack.ports import free_ports
from grantkeeper.bus.principals import PrincipalDirectory
from grantkeeper.bus.publish import Publisher
from grantkeeper.bus.received import Received
from grantkeeper.bus.topics import Topics
from grantkeeper.crypto.ring import AuthRing
from grantkeeper.process.clock import SYSTEM_CLOCK
from grantkeeper.process.metrics import Metrics
from grantkeeper.process.settings import KafkaSettings
from schemas.topics import CONFIG_COMMANDS, TOPICS
from tests.conftest import part_missing
from tests.integration.bus.installation import Installation, consuming, message, subscribe
from tests.servers import IMPATIENT
from tests.waiting import wait_until

pytestmark = pytest.mark.long

PASSWORD = "pl4nted-passw0rd"
LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule"


@pytest.fixture
async def guarded(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[KafkaSettings]:
    """A broker with TLS and SASL PLAIN, and the settings that get in."""
    authority = certify(tmp_path)
    node = Node(1, *free_ports(2))
    try:
        server = Kafka(tmp_path / "kafka", node, properties=IMPATIENT | guards(node, tmp_path))
        await asyncio.to_thread(server.launch)
    except PartMissing as missing:
        part_missing(request.config, str(missing))
    yield KafkaSettings(
        bootstrap_servers=server.bootstrap_servers,
        prefix="t.",
        partitions=1,
        security_protocol="SASL_SSL",
        sasl_mechanism="PLAIN",
        sasl_username="grantkeeper",
        sasl_password=SecretStr(PASSWORD),
        ssl_cafile=authority,
    )
    await asyncio.to_thread(server.stop)


async def test_every_part_gets_in_with_the_settings(guarded: KafkaSettings) -> None:
    ring, metrics = AuthRing.new("r1"), Metrics("test")
    topics = Topics(guarded, list(TOPICS), clock=SYSTEM_CLOCK, metrics=metrics)
    key = ring.service_key("config_service")
    publisher = Publisher(guarded, key, service="config_service", clock=SYSTEM_CLOCK, metrics=metrics)
    directory = PrincipalDirectory(guarded, ring, service="test", clock=SYSTEM_CLOCK)
    installation = Installation(guarded, publisher, directory, None, ring, metrics=metrics)
    handled: list[str] = []

    async def note(messages: Sequence[Received]) -> None:
        handled.extend(one.envelope.id for one in messages)

    broker = installation.broker()
    subscribe(broker, "command", installation.gate(CONFIG_COMMANDS), note)
    parts = (topics, publisher, directory)
    try:
        for part in parts:
            await part.start()
        await installation.registered("admin")
        async with consuming(broker):
            question = installation.question(message("command"))
            await publisher.publish_many([question])
            await wait_until(lambda: handled == [question.id])
    finally:
        for part in reversed(parts):
            await part.stop()


async def test_a_wrong_password_lets_nothing_start_and_is_not_repeated_in_the_log(
    guarded: KafkaSettings, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = guarded.model_copy(update={"sasl_password": SecretStr("wr0ng")})
    topics = Topics(wrong, list(TOPICS), clock=SYSTEM_CLOCK, metrics=Metrics("test"))
    starting = asyncio.create_task(topics.start())
    await wait_until(lambda: "SaslAuthenticationFailed" in caplog.text, deadline=60)
    assert not starting.done()
    starting.cancel()
    await asyncio.wait([starting])
    assert "wr0ng" not in caplog.text


def guards(node: Node, folder: Path) -> dict[str, str]:
    """The broker's side: one listener, TLS by a PEM file, two logins."""
    listener = f"SASL_SSL://127.0.0.1:{node.port}"
    return {
        "listeners": f"{listener},CONTROLLER://127.0.0.1:{node.controller_port}",
        "advertised.listeners": listener,
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL",
        "inter.broker.listener.name": "SASL_SSL",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl_ssl.plain.sasl.jaas.config": f'{LOGIN} required username="broker" password="b" '
        f'user_broker="b" user_grantkeeper="{PASSWORD}";',
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(folder / "broker.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(folder / "authority.pem"),
    }


def certify(folder: Path) -> Path:
    """Write broker.pem (key and certificate of 127.0.0.1) and the authority's certificate; return the latter's path."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Grantkeeper tests")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "broker.pem").write_bytes(key.private_bytes(*pem) + certificate)
    authority = folder / "authority.pem"
    authority.write_bytes(certificate)
    return authority
