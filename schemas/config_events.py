"""Topic `config.events`: the parsed form of each config with its sealed secret; never the text."""

from typing import ClassVar

from pydantic import Field

from schemas.envelope import ConfigId, Message
from schemas.token_config import TokenConfig
from schemas.topics import CONFIG_EVENTS


class ConfigChanged(Message):
    """The last state of one config. A consumer drops a lower sequence."""

    TYPE: ClassVar[str] = "grantkeeper.config.changed.v1"
    TOPIC: ClassVar[str] = CONFIG_EVENTS

    config_id: ConfigId
    revision: int = Field(ge=1)
    sequence: int = Field(ge=1, description="Rises with every write of the config's public state.")
    config: TokenConfig
    former_names: tuple[str, ...] = ()
    deleted: bool = Field(default=False, description="Off, with the grant kept; may be undone.")
    actor: str


class ConfigPurged(Message):
    """The undo time of a delete is over: revoke at the provider where possible, then forget. A tombstone follows."""

    TYPE: ClassVar[str] = "grantkeeper.config.purged.v1"
    TOPIC: ClassVar[str] = CONFIG_EVENTS

    config_id: ConfigId
    revision: int = Field(ge=1)
    sequence: int = Field(ge=1)
