"""The form of a principal: what was typed, what is wrong with it, and the command it means."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Self, cast, get_args

from starlette.datastructures import FormData

from grantkeeper_client import PRINCIPAL_ID
from schemas.config_commands import PrincipalAdd
from schemas.principals import PrincipalChanged, Role
from services.console.shown import number_of

MayGet = Literal["all", "some"]

DESCRIPTION_LIMIT: Final = 250
MOST_TOKENS: Final = 200
"""Tokens that one form takes: each is looked up by its name. The command line takes up to 1,000."""


@dataclass(frozen=True, slots=True)
class ModuleForm:
    """One filled-in form."""

    principal: str = ""
    role: str = "mail"
    description: str = ""
    may_get: str = "all"
    tokens: tuple[str, ...] = ()
    """Names or ids, as they were typed, one a line."""
    ids: Mapping[str, str] = field(default_factory=dict)
    """Config ids of the names that the page showed: a name may have gone to another token since."""
    sequence: int = 0
    """Of the principal that the page showed; 0 where it is new."""

    @classmethod
    def read(cls, form: FormData) -> Self:
        """Take what a browser sent."""
        typed = {name: value.strip() for name, value in form.multi_items() if isinstance(value, str)}
        return cls(
            principal=typed.get("principal", ""),
            role=typed.get("role", "mail"),
            description=typed.get("description", ""),
            may_get=typed.get("may_get", "all"),
            tokens=tuple(line.strip() for line in typed.get("tokens", "").splitlines() if line.strip()),
            ids=dict(_shown_token(str(one)) for one in form.getlist("shown_token")),
            sequence=number_of(typed.get("sequence", "")),
        )

    @classmethod
    def of(cls, principal: PrincipalChanged, names: Mapping[str, str]) -> Self:
        """Show a principal; `names` are those of the tokens it may get, by id."""
        return cls(
            principal.principal,
            principal.role,
            principal.description,
            "all" if principal.configs is None else "some",
            tuple(names.values()),
            {name: config_id for config_id, name in names.items()},
            principal.sequence,
        )

    @property
    def asks_for_some(self) -> bool:
        """Whether only listed tokens are wanted; another role than mail gets none, so it has no list."""
        return self.role == "mail" and self.may_get == "some"

    def problems(self) -> dict[str, str]:
        """Name what is wrong: keys of the catalogue by field."""
        found = {}
        if not PRINCIPAL_ID.fullmatch(self.principal):
            found["principal"] = "modules.bad_id" if self.principal else "field.missing"
        if self.role not in get_args(Role):
            found["role"] = "field.missing"
        if len(self.description) > DESCRIPTION_LIMIT:
            found["description"] = "field.too_long"
        if self.may_get not in get_args(MayGet):
            found["may_get"] = "field.missing"
        if self.asks_for_some and not self.tokens:
            found["tokens"] = "modules.no_token"
        if len(self.tokens) > MOST_TOKENS:
            found["tokens"] = "modules.too_many"
        return found

    def command(self, ids: Mapping[str, str], *, acts_for_users: bool = False) -> PrincipalAdd:
        """Return what is wanted; `ids` are the config ids of the typed names."""
        configs = tuple(dict.fromkeys(ids[name] for name in self.tokens)) if self.asks_for_some else None
        return PrincipalAdd(
            principal=self.principal,
            role=cast("Role", self.role),
            description=self.description,
            configs=configs,
            acts_for_users=acts_for_users,
            expected_sequence=self.sequence,
        )


def _shown_token(text: str) -> tuple[str, str]:
    config_id, _, name = text.partition(" ")
    return name, config_id
