"""Commands that change a token config, one method each: load, decide (domain), look who holds the name.

They run inside the transaction of `config_commands.py`, or without one for a dry run; nothing is written here.
"""

from typing import TypeAlias

from grantkeeper.mongo.transaction import Session
from grantkeeper.names import name_key
from schemas.config_commands import (
    ConfigCreate,
    ConfigDelete,
    ConfigReleaseName,
    ConfigSetValidity,
    ConfigUndelete,
    ConfigUpdate,
)
from schemas.replies import Detail
from services.config_service.domain import edits
from services.config_service.domain.values import Author, Change, Decision, Refusal, StoredConfig
from services.config_service.store import ConfigStore
from services.config_service.templates import Templates

Edit: TypeAlias = ConfigCreate | ConfigUpdate | ConfigSetValidity | ConfigDelete | ConfigUndelete | ConfigReleaseName


class ConfigEdits:
    """What each editing command means for what is stored now."""

    def __init__(self, store: ConfigStore, templates: Templates) -> None:
        self._store = store
        self._templates = templates

    async def decide(self, command: Edit, author: Author, session: Session | None) -> Decision:
        """Decide on one command."""
        decision = await self._decide(command, author, session)
        if isinstance(decision, Refusal) or not decision.stores:
            return decision
        return await self._unless_taken(decision, session)

    async def _decide(self, command: Edit, author: Author, session: Session | None) -> Decision:
        if isinstance(command, ConfigCreate):
            return await self._create(command, author, session)
        stored = await self._store.get(command.config_id, session)
        if stored is None:
            return not_found(command.config_id, "config_id")
        if isinstance(command, ConfigUndelete):
            return await self._undelete(stored, author, session)
        return _change(stored, command, author)

    async def _create(self, command: ConfigCreate, author: Author, session: Session | None) -> Decision:
        if await self._store.ids_in_use([command.config_id], session):
            detail = Detail(field="config_id", problem="another config has this id", cure="Send a new UUIDv7.")
            return Refusal("invalid_field", "The config_id is taken.", (detail,))
        if command.copy_of is not None:
            original = await self._store.get(command.copy_of, session)
            if original is None:
                return not_found(command.copy_of, "copy_of")
            return edits.create(command, original.config, author, original.text)
        template = self._templates.find(command.template or "")
        if isinstance(template, Refusal):
            return template
        return edits.create(command, template.config, author)

    async def _undelete(self, stored: StoredConfig, author: Author, session: Session | None) -> Decision:
        holders = await self._store.holders(stored.former_names, session)
        taken = frozenset(key for key, holder in holders.items() if holder.config_id != stored.config_id)
        return edits.undelete(stored, taken, author)

    async def _unless_taken(self, change: Change, session: Session | None) -> Decision:
        holders = await self._store.holders(change.after.held_names, session)
        for name in change.after.held_names:
            holder = holders.get(name_key(name))
            if holder is not None and holder.config_id != change.after.config_id:
                return name_taken(name, holder)
        return change


def _change(
    stored: StoredConfig, command: ConfigUpdate | ConfigSetValidity | ConfigDelete | ConfigReleaseName, author: Author
) -> Decision:
    match command:
        case ConfigUpdate():
            return edits.update(stored, command, author)
        case ConfigSetValidity():
            return edits.set_validity(stored, command.validity, command.expected_revision, author)
        case ConfigDelete():
            return edits.delete(stored, command.expected_revision, author)
        case ConfigReleaseName():
            return edits.release_name(stored, command.name, author)


def name_taken(name: str, holder: StoredConfig) -> Refusal:
    """Say who holds a name, and how it becomes free."""
    facts = {
        "config_id": holder.config_id,
        "name": holder.config.name,
        "former": name_key(holder.config.name) != name_key(name),
        "deleted": holder.deleted_at is not None,
    }
    if facts["former"]:
        problem, cure = f"a former name of {holder.config.name!r}", "Release it there, or choose another name."
    elif facts["deleted"]:
        problem, cure = "the name of a deleted config", "Undelete that one, release its name, or choose another name."
    else:
        problem, cure = "the name of another config", "Choose another name, or edit that one."
    return Refusal("name_taken", f"{name!r} is {problem}.", (Detail(field="name", problem=problem, cure=cure),), facts)


def not_found(reference: str, field: str) -> Refusal:
    """Say that no config is meant by an id or a name."""
    detail = Detail(field=field, problem="no such config", cure="Look it up in the list of tokens.")
    return Refusal("not_found", f"There is no token config {reference!r}.", (detail,))
