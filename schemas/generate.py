"""Writes schemas/contract/: `python -m schemas.generate`. What stands there is generated; a test fails on drift.

asyncapi.json             the bus: topics, messages, operations, replies
json-schema/<type>.json   each message's value, standing alone (JSON Schema 2020-12); results under their own names
samples/<type>.json       one message as it travels: key, headers (unsigned), value; samples/results/ the results
signature.json            one signed message with its key: to be computed again in another language
"""

import json
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from grantkeeper_client import Envelope, SigningKey, encode, sign
from schemas import asyncapi, samples
from schemas.envelope import Message
from schemas.replies import Reply
from schemas.results import RESULTS
from schemas.tolerance import opened
from schemas.topics import TOPICS

FOLDER: Final = Path(__file__).parent / "contract"
PREFIX: Final = "grantkeeper."
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_KEY: Final = SigningKey("mail-1", 1, "r1", bytes(range(32)))
"""Thirty-two bytes that everybody knows: good for nothing but the example."""


def files() -> dict[str, str]:
    """Return every file of the contract by its path under FOLDER."""
    found: dict[str, Any] = {"asyncapi.json": asyncapi.document(), "signature.json": _signed_sample()}
    for model in Message.MESSAGES.values():
        schema = _schema(model, model.TYPE)
        found[f"json-schema/{model.TYPE}.json"] = schema if model in RESULTS else opened(schema)
    for result in dict.fromkeys(RESULTS.values()):
        found[f"json-schema/results/{result.__name__}.json"] = opened(_schema(result, result.__name__))
    for message in samples.MESSAGES:
        found[f"samples/{message.TYPE}.json"] = _sample(message)
    found[f"samples/{Reply.TYPE}.refusal.json"] = _sample(samples.REFUSAL)
    for view in samples.RESULTS:
        found[f"samples/results/{type(view).__name__}.json"] = view.model_dump(mode="json")
    return {path: json.dumps(value, indent=2, ensure_ascii=False) + "\n" for path, value in sorted(found.items())}


def _schema(model: type[BaseModel], name: str) -> dict[str, Any]:
    return {"$schema": _DIALECT, "$id": f"urn:grantkeeper:{name}", **model.model_json_schema(mode="validation")}


def envelope(message: Message) -> Envelope:
    """Return the sample message as it travels, unsigned."""
    asked = type(message) in RESULTS
    reply = isinstance(message, Reply)
    subject = getattr(message, "config_id", None)
    return Envelope(
        topic=f"{PREFIX}{'replies.mail-1' if reply else message.TOPIC}",
        key=None if reply else _key(message).encode(),
        id="019ab5a1-7c00-7000-8000-0000000000aa",
        type=message.TYPE,
        source="/principals/admin" if asked else f"/services/{_sender(message)}",
        time=samples.AT,
        value=message.model_dump_json(exclude_none=reply).encode(),
        subject=subject,
        expirytime=samples.AT + timedelta(seconds=10) if asked else None,
        correlation_id="019ab5a1-7c00-7000-8000-0000000000cc" if asked or reply else None,
    )


def _sender(message: Message) -> str:
    return TOPICS[message.TOPIC].senders[0] if message.TOPIC in TOPICS else "refresher"


def _key(message: Message) -> str:
    for field in ("cause", "config_id", "client", "principal", "topic", "config"):
        value = getattr(message, field, None)
        if isinstance(value, str):
            return value
    return samples.CONFIG_ID


def _sample(message: Message) -> dict[str, Any]:
    one = envelope(message)
    return {
        "topic": one.topic,
        "key": None if one.key is None else one.key.decode(),
        "headers": {name: value.decode() for name, value in encode(one)},
        "value": json.loads(one.value or b"null"),
    }


def _signed_sample() -> dict[str, Any]:
    question = next(one for one in samples.MESSAGES if one.TYPE == "grantkeeper.token.get.v1")
    signed = sign(replace(envelope(question), source="/principals/mail-1"), _KEY)
    return {
        "about": "HMAC-SHA256 under `secret` (hex) over the fields in the order given, each behind its length in eight "
        "bytes, big-endian; a field that is absent has the length 2^64-1 and no bytes.",
        "secret": _KEY.secret.hex(),
        "order": ["topic", "key", "id", "type", "source", "time", "expirytime", "correlation_id", "value"],
        "topic": signed.topic,
        "key": (signed.key or b"").decode(),
        "headers": {name: value.decode() for name, value in encode(signed)},
        "value": (signed.value or b"").decode(),
    }


def write() -> list[str]:
    """Write what is new or different, remove what is no longer generated; return the paths that changed."""
    wanted = files()
    present = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.json")} if FOLDER.exists() else set[str]()
    stale = present - wanted.keys()
    changed = [path for path, text in wanted.items() if path not in present or (FOLDER / path).read_text() != text]
    for path in stale:
        (FOLDER / path).unlink()
    for path in changed:
        (FOLDER / path).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / path).write_text(wanted[path], encoding="utf-8")
    return sorted([*stale, *changed])


if __name__ == "__main__":
    sys.stdout.write("".join(f"contract/{path}\n" for path in write()) or "contract/ is up to date\n")
