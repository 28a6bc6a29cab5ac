"""What a command makes of a principal. It is never removed: disabled, and back with a raised key version.

A raised version makes every older credential file useless, so whoever left with one stays out. The last admin can be
neither disabled nor demoted: nobody could let another one in. A sender that names the sequence it saw overwrites
nothing that came later.
"""

from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from schemas.config_commands import PrincipalAdd, PrincipalDisable
from schemas.principals import PrincipalChanged, Role
from schemas.replies import Detail
from services.config_service.domain.values import Refusal

MOST_CONFIGS: Final = 1_000
"""Config ids of one principal: its announcement and the list of all must fit into a message."""


@dataclass(frozen=True, slots=True)
class StoredPrincipal:
    """One principal; no keys: these are derived from the rings by id and version."""

    id: str
    role: Role
    version: int = 1
    disabled: bool = False
    acts_for_users: bool = False
    configs: tuple[str, ...] | None = None
    description: str = ""
    sequence: int = 1

    def message(self) -> PrincipalChanged:
        """Return what is published of it, and answered."""
        return PrincipalChanged(
            principal=self.id,
            role=self.role,
            version=self.version,
            disabled=self.disabled,
            acts_for_users=self.acts_for_users,
            configs=self.configs,
            description=self.description,
            sequence=self.sequence,
        )


@dataclass(frozen=True, slots=True)
class PrincipalChange:
    """A command that was taken; `before` equal to `after` means that nothing is to be written."""

    before: StoredPrincipal | None
    after: StoredPrincipal

    @property
    def stores(self) -> bool:
        """Tell whether there is anything to write."""
        return self.before != self.after


PrincipalDecision: TypeAlias = PrincipalChange | Refusal


def add(stored: StoredPrincipal | None, command: PrincipalAdd, *, last_admin: bool) -> PrincipalDecision:
    """Register, change, or bring back a principal; `last_admin` tells that no other enabled admin is left."""
    if command.configs is not None and command.role != "mail":
        return _refusal("configs", f"role {command.role} gets no access tokens by a list", "Leave configs out.")
    if len(command.configs or ()) > MOST_CONFIGS:
        return _refusal("configs", f"more than {MOST_CONFIGS} ids", "Leave configs out: then it may get all.")
    conflict = _other_sequence(stored, command.principal, command.expected_sequence)
    if conflict is not None:
        return conflict
    if stored is None:
        return PrincipalChange(None, _as_wanted(StoredPrincipal(command.principal, command.role), command))
    if last_admin and command.role != "admin":
        return _LAST_ADMIN
    after = _as_wanted(stored, command)
    if stored.disabled:
        after = replace(after, disabled=False, version=stored.version + 1)
    return PrincipalChange(stored, _numbered(stored, after))


def disable(stored: StoredPrincipal | None, command: PrincipalDisable, *, last_admin: bool) -> PrincipalDecision:
    """Refuse all further messages of a principal."""
    if stored is None:
        detail = Detail(field="principal", problem="not registered", cure="principal.list names all there are.")
        return Refusal("not_found", f"There is no principal {command.principal!r}.", (detail,))
    conflict = _other_sequence(stored, command.principal, command.expected_sequence)
    if conflict is not None:
        return conflict
    if last_admin:
        return _LAST_ADMIN
    return PrincipalChange(stored, _numbered(stored, replace(stored, disabled=True)))


def _other_sequence(stored: StoredPrincipal | None, principal: str, expected: int | None) -> Refusal | None:
    current = 0 if stored is None else stored.sequence
    if expected is None or expected == current:
        return None
    problem = f"sequence {expected} was seen, {current} is the current one"
    detail = Detail(field="expected_sequence", problem=problem, cure="Read it again and repeat your change.")
    return Refusal("revision_conflict", f"{principal!r} was changed meanwhile.", (detail,), {"sequence": current})


def _as_wanted(stored: StoredPrincipal, command: PrincipalAdd) -> StoredPrincipal:
    configs = None if command.configs is None else tuple(sorted(set(command.configs)))
    return replace(
        stored,
        role=command.role,
        acts_for_users=command.acts_for_users,
        configs=configs,
        description=command.description,
    )


def _numbered(before: StoredPrincipal, after: StoredPrincipal) -> StoredPrincipal:
    return after if after == before else replace(after, sequence=before.sequence + 1)


def _refusal(field: str, problem: str, cure: str) -> Refusal:
    return Refusal("invalid_field", f"{field}: {problem}.", (Detail(field=field, problem=problem, cure=cure),))


_LAST_ADMIN: Final = _refusal("principal", "it is the last enabled admin", "Register another admin first.")
