"""The AsyncAPI 3.0 document of the bus, built from the models and the table of topics; pure.

FastStream's own generator knows neither batches nor replies nor headers, and sees only one process. Names of topics
carry the parameter `prefix`, since that is a setting of an installation.
"""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from schemas.envelope import Message
from schemas.replies import Reply
from schemas.results import RESULTS
from schemas.tolerance import merged
from schemas.topics import REPLY_TOPIC, TOPICS, Topic

VERSION: Final = "1.0.0"
"""Of the contract: minor for what is added, major for what is removed or renamed."""
SERVICES: Final = ("config_service", "refresher", "notifier", "console")

_REF: Final = "#/components/schemas/{model}"
_KAFKA: Final = "0.5.0"
_ABOUT: Final = """\
Grantkeeper keeps OAuth2 grants alive. Its processes talk over these Kafka topics.

Every message is a CloudEvents 1.0 event in Kafka's binary mode: attributes in headers, JSON in the value. Commands and
requests are signed with the sender's key and answered on the sender's own reply topic, wherever a header may point.
Events of `token.events` and `admin.notifications` hold no secret and may be read by anyone whom Kafka's ACLs let.
A malformed or wrongly signed message gets no answer: look at `dead-letters`.
"""

Json = dict[str, Any]


def document() -> Json:
    """Return the whole document as JSON values, in a stable order."""
    channels = {name: _channel(name, topic) for name, topic in TOPICS.items()}
    channels["replies"] = _channel("replies", REPLY_TOPIC)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Grantkeeper",
            "version": VERSION,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": {name: operation for topic in TOPICS.values() for name, operation in _operations(topic)},
        "components": {
            "messages": {model.__name__: _message(model) for model in _models()},
            "schemas": {**_schemas(), **HEADERS},
        },
    }


def _models() -> list[type[Message]]:
    return [model for _, model in sorted(Message.MESSAGES.items())]


def messages_of(topic: str) -> list[type[Message]]:
    """Return the message models of a logical topic, by type."""
    return [model for model in _models() if topic == model.TOPIC]


def is_asked(topic: Topic) -> bool:
    """Tell whether principals send on a topic, so that its messages are answered."""
    return any(sender.startswith("principals") for sender in topic.senders)


def _schemas() -> Json:
    others = [model for model in _models() if model not in RESULTS]
    said = _definitions([*others, *dict.fromkeys(RESULTS.values())])
    return dict(sorted(merged(_definitions(RESULTS), said, _REF).items()))


def _definitions(models: Iterable[type[BaseModel]]) -> Json:
    _, definitions = models_json_schema([(model, "validation") for model in models], ref_template=_REF)
    found: Json = definitions["$defs"]
    return found


def _channel(name: str, topic: Topic) -> Json:
    models = messages_of(name)
    parameters = {"prefix": {"description": "The installation's prefix of all topics.", "default": "grantkeeper."}}
    address = f"{{prefix}}{topic.name}"
    if name == "replies":
        address = "{prefix}replies.{principal}"
        parameters["principal"] = {"description": "Id of the principal that is answered."}
    return {
        "address": address,
        "title": name,
        "description": f"{topic.description} Key: {topic.key}. "
        f"Sent by {_and(topic.senders)}, read by {_and(topic.readers)}.",
        "parameters": parameters,
        "messages": {model.__name__: {"$ref": f"#/components/messages/{model.__name__}"} for model in models},
        "bindings": {"kafka": _topic_binding(topic)},
    }


def _topic_binding(topic: Topic) -> Json:
    settings: Json = {"cleanup.policy": ["compact" if topic.compacted else "delete"]}
    settings |= {name: int(value) for name, value in topic.settings().items() if name == "retention.ms"}
    binding = {"partitions": topic.partitions, "topicConfiguration": settings, "bindingVersion": _KAFKA}
    lag = topic.settings().get("min.compaction.lag.ms")
    return binding if lag is None else {**binding, "x-min.compaction.lag.ms": int(lag)}


def _operations(topic: Topic) -> Iterable[tuple[str, Json]]:
    for service in SERVICES:
        for action, parties in (("send", topic.senders), ("receive", topic.readers)):
            if service in parties:
                yield f"{service}.{action}.{topic.name}", _operation(service, action, topic)


def _operation(service: str, action: str, topic: Topic) -> Json:
    channel = f"#/channels/{topic.name}"
    operation: Json = {
        "action": action,
        "channel": {"$ref": channel},
        "summary": f"{service} {'sends on' if action == 'send' else 'reads'} {topic.name}.",
        "tags": [{"name": service}],
        "messages": [{"$ref": f"{channel}/messages/{model.__name__}"} for model in messages_of(topic.name)],
    }
    if action == "receive" and is_asked(topic):
        operation["reply"] = {
            "channel": {"$ref": "#/channels/replies"},
            "messages": [{"$ref": f"#/channels/replies/messages/{Reply.__name__}"}],
        }
    return operation


def _message(model: type[Message]) -> Json:
    summary, _, _ = inspect.cleandoc(model.__doc__ or model.__name__).partition("\n")
    message: Json = {
        "name": model.TYPE,
        "title": model.__name__,
        "summary": summary,
        "contentType": "application/json",
        "headers": {"$ref": f"#/components/schemas/{headers_of(model)}"},
        "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
        "correlationId": {"location": "$message.header#/correlation_id"},
        "bindings": {"kafka": {"key": _key(model), "bindingVersion": _KAFKA}},
    }
    if model in RESULTS:
        message["x-result"] = {"$ref": f"#/components/schemas/{RESULTS[model].__name__}"}
        message["x-roles"] = sorted(model.ROLES)
    return message


def _key(model: type[Message]) -> Json:
    topic = TOPICS.get(model.TOPIC, REPLY_TOPIC)
    return {"type": "string", "description": f"UTF-8: {topic.key}"}


def headers_of(model: type[Message]) -> str:
    """Return the name of the schema of a message's headers."""
    if model is Reply:
        return "ReplyHeaders"
    return "RequestHeaders" if model in RESULTS else "EventHeaders"


_TEXT: Final[Json] = {"type": "string", "minLength": 1, "maxLength": 512}
_TIME: Final[Json] = {"type": "string", "format": "date-time", "description": "RFC 3339 with a zone; milliseconds."}
_SIGNATURE: Final[Json] = {
    **_TEXT,
    "pattern": r"^v1;(@?[a-z0-9_-]{1,64});[1-9][0-9]{0,8};[a-z0-9-]{1,64};[A-Za-z0-9_-]{43}$",
    "description": "v1;<signer>;<key version>;<ring id>;<base64url>: HMAC-SHA256 over topic, key, id, type, source, "
    "time, expirytime, correlation_id and value, each behind its length (8 bytes, big-endian; absent = all ones). "
    "signature.json holds an example that can be computed again.",
}
_COMMON: Final[Json] = {
    "content-type": {"const": "application/json"},
    "ce_specversion": {"const": "1.0"},
    "ce_id": {**_TEXT, "description": "Idempotency key: the same message sent again carries the same one."},
    "ce_type": {**_TEXT, "description": "grantkeeper.<noun>.<verb>.v1"},
    "ce_source": {**_TEXT, "description": "/principals/<id> or /services/<name>"},
    "ce_time": _TIME,
    "ce_subject": {**_TEXT, "description": "The config_id, mostly; nothing is decided by it."},
    "traceparent": _TEXT,
    "signature": _SIGNATURE,
}


def _headers(description: str, more: Mapping[str, Json], required: Iterable[str]) -> Json:
    always = ["content-type", "ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "signature"]
    return {
        "type": "object",
        "description": description,
        "properties": {**_COMMON, **more},
        "required": [*always, *required],
    }


HEADERS: Final[Json] = {
    "RequestHeaders": _headers(
        "Of a command or request; each header at most once, UTF-8.",
        {
            "ce_expirytime": {
                **_TIME,
                "description": "Until when an answer is of use; at most 10 minutes after ce_time.",
            },
            "correlation_id": {**_TEXT, "description": "Comes back with the reply; without one the ce_id does."},
        },
        ["ce_expirytime"],
    ),
    "EventHeaders": _headers("Of an event; signed by the service, so that other services can check it.", {}, []),
    "ReplyHeaders": _headers(
        "Of a reply; signed with the receiver's own key.",
        {"correlation_id": {**_TEXT, "description": "Of the question."}},
        ["correlation_id"],
    ),
}


def _and(names: tuple[str, ...]) -> str:
    return " and ".join(names)
