"""What the rules speak about: a stored config, who changes it, and the two ends a command can have."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from schemas.config_results import NewLogin
from schemas.findings import Finding
from schemas.reasons import ErrorCode
from schemas.replies import Detail
from schemas.token_config import TokenConfig

Action = Literal[
    "created",
    "copied",
    "edited",
    "text_replaced",
    "validity_set",
    "deleted",
    "undeleted",
    "name_released",
    "import_added",
    "import_overwrote",
]
"""Why there is a revision; told in the history."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who does something, and when: the person where the principal acts for users, else the principal itself."""

    actor: str
    principal: str
    at: datetime


@dataclass(frozen=True, slots=True)
class StoredConfig:
    """One token config as it is stored; `text` is the truth for people, `config` for machines."""

    config_id: str
    config: TokenConfig
    text: str
    revision: int
    sequence: int
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str
    secret_set_at: datetime | None = None
    """When the client secret it has now was stored; None = it has none."""
    former_names: tuple[str, ...] = ()
    deleted_at: datetime | None = None
    name_released: bool = False
    """Only of a deleted config: another one may take its name, so that an undelete may fail."""
    import_id: str | None = None
    """Of the import that wrote this revision: the same name in a later chunk of it is a duplicate in the file."""

    @property
    def resolving_names(self) -> tuple[str, ...]:
        """Return the former names by which it is still found; a deleted config gave them up."""
        return () if self.deleted_at else self.former_names

    @property
    def held_names(self) -> tuple[str, ...]:
        """Return the names that no other config can take."""
        return self.resolving_names if self.name_released else (self.config.name, *self.resolving_names)


@dataclass(frozen=True, slots=True)
class Change:
    """A command that was taken: the config before and after, and what that means for its grant."""

    before: StoredConfig | None
    after: StoredConfig
    action: Action
    author: Author
    changed: tuple[str, ...] = ()
    new_login: NewLogin = "no"
    rewritten: bool = False
    findings: tuple[Finding, ...] = ()

    @property
    def stores(self) -> bool:
        """Tell whether there is anything to write: an edit that changes nothing makes no revision."""
        return self.before is None or self.after.revision != self.before.revision


@dataclass(frozen=True, slots=True)
class Refusal:
    """A command that was not taken, and why, for programs (`code`, `facts`) and for people."""

    code: ErrorCode
    message: str
    details: tuple[Detail, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


Decision: TypeAlias = Change | Refusal
