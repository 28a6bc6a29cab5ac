"""Topic `principals`: who may send to the bus. No keys: these are derived from the rings by id and version."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.envelope import ConfigId, Message, PrincipalId
from schemas.topics import PRINCIPALS

Role = Literal["admin", "viewer", "mail"]
"""admin: every command and request; viewer: reads; mail: gets access tokens and reports rejected ones."""


class PrincipalChanged(Message):
    """The last state of one principal, keyed by its id."""

    TYPE: ClassVar[str] = "grantkeeper.principal.changed.v1"
    TOPIC: ClassVar[str] = PRINCIPALS

    principal: PrincipalId
    role: Role
    version: int = Field(ge=1, description="Key version; a raised one makes older credential files useless.")
    disabled: bool = False
    acts_for_users: bool = Field(default=False, description="Its `actor` fields count (the console).")
    configs: tuple[ConfigId, ...] | None = Field(
        default=None, description="What a mail principal may get; None = all, empty = nothing."
    )
    description: Annotated[str, Field(max_length=250)] = ""
    sequence: int = Field(ge=1, description="Rises with every change; a lower one is dropped.")
