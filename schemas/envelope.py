"""What every message has in common: a frozen pydantic model, one CloudEvents type, one topic.

The attributes around the value (id, source, time, expirytime, signature) are CloudEvents 1.0 in Kafka binary
mode and belong to `grantkeeper_client`; here stand only the values.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from typing_extensions import override

ConfigId = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"),
    Field(description="UUIDv7 in lower case, chosen by the sender of `create`; the identity of a token config."),
]
PrincipalId = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9-]{1,64}$"),
    Field(description="Id of a registered program or person: lower-case letters, digits, hyphens."),
]
Actor = Annotated[
    str | None,
    Field(
        default=None,
        max_length=200,
        description="The person behind the message; counts only from principals flagged `acts_for_users`.",
    ),
]
Seconds = Annotated[int, Field(ge=0, le=31_536_000)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$"), Field(description="SHA-256, lower-case hex.")]
Sealed = Annotated[
    str,
    StringConstraints(pattern=r"^sealed:[A-Za-z0-9_.-]+$", max_length=131_072),
    Field(description="`sealed:` and a JWE (ECDH-ES, A256GCM) to the installation's public key."),
]


class Model(BaseModel):
    """Anything inside a message: frozen, values never repeated in errors.

    Unknown fields are refused in what principals send: a misspelt switch must not be passed over. What services say
    (events, replies, what they stored) is taken by `read`, which passes over what a newer version added.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @classmethod
    def read(cls, said: bytes | str | Mapping[str, Any]) -> Self:
        """Take what a service said, JSON or its values; raises pydantic.ValidationError."""
        if isinstance(said, bytes | str):
            return cls.model_validate_json(said, extra="ignore")
        return cls.model_validate(said, extra="ignore")


class Message(Model):
    """The value of one message; subclasses name their CloudEvents type and their topic."""

    TYPE: ClassVar[str]
    TOPIC: ClassVar[str]
    ROLES: ClassVar[frozenset[str]] = frozenset()
    """Which principals may send it; empty = services alone."""
    MESSAGES: ClassVar[dict[str, type["Message"]]] = {}

    @classmethod
    @override
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Register each concrete message under its type; a type used twice is a programming error."""
        super().__pydantic_init_subclass__(**kwargs)
        name = getattr(cls, "TYPE", None)
        if name is None:
            return
        known = Message.MESSAGES.setdefault(name, cls)
        if known is not cls:
            reason = f"{name} is the type of {known.__name__} and of {cls.__name__}"
            raise TypeError(reason)
