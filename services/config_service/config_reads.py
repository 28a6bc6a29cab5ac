"""Commands that only read: answered afresh each time, from what is stored then. No inbox row: reading never writes."""

from typing import Final, TypeAlias

from grantkeeper.bus.received import Place
from grantkeeper.names import name_key
from schemas.config_commands import (
    ConfigExport,
    ConfigGet,
    ConfigHistory,
    ConfigValidate,
    PrincipalList,
    TemplateList,
)
from schemas.config_results import (
    ConfigHistoryPage,
    ConfigValidated,
    ConfigView,
    PrincipalPage,
    TemplatePage,
)
from schemas.envelope import Model
from services.config_service.config_edits import not_found
from services.config_service.domain.reading import read
from services.config_service.domain.values import Refusal, StoredConfig
from services.config_service.exporter import READ_AT_ONCE, Exporter
from services.config_service.pages import fitting
from services.config_service.plain_secret import with_place
from services.config_service.principal_store import PrincipalStore
from services.config_service.store import ConfigStore
from services.config_service.templates import Templates

Read: TypeAlias = ConfigGet | ConfigHistory | ConfigValidate | ConfigExport | TemplateList | PrincipalList
READS: Final = (ConfigGet, ConfigHistory, ConfigValidate, ConfigExport, TemplateList, PrincipalList)


class ConfigReads:
    """One method per reading command."""

    def __init__(self, store: ConfigStore, principals: PrincipalStore, templates: Templates) -> None:
        self._store = store
        self._principals = principals
        self._templates = templates
        self._exporter = Exporter(store)

    async def answer(self, command: Read, place: Place) -> Model | Refusal:
        """Return the result of one command."""
        match command:
            case ConfigGet():
                return await self._get(command)
            case ConfigHistory():
                return await self._history(command)
            case ConfigValidate():
                return validate(command, place)
            case ConfigExport():
                return await self._exporter.page(command)
            case TemplateList():
                return TemplatePage(templates=self._templates.views())
            case PrincipalList():
                return await self._principals_after(command.cursor or "")

    async def _get(self, command: ConfigGet) -> Model | Refusal:
        stored = await self._store.find(command.config)
        return not_found(command.config, "config") if stored is None else view(stored, command.config)

    async def _principals_after(self, cursor: str) -> PrincipalPage:
        found = [one.message() for one in await self._principals.page(cursor, READ_AT_ONCE)]
        shown = fitting(found, lambda one: len(one.model_dump_json().encode()))
        complete = len(found) < READ_AT_ONCE and len(shown) == len(found)
        return PrincipalPage(principals=shown, cursor=None if complete else shown[-1].principal)

    async def _history(self, command: ConfigHistory) -> Model | Refusal:
        stored = await self._store.find(command.config)
        if stored is None:
            return not_found(command.config, "config")
        entries = await self._store.history(stored.config_id, command.before_revision, command.limit + 1)
        shown = fitting(entries[: command.limit], lambda entry: len(entry.model_dump_json().encode()))
        more = len(entries) > len(shown)
        return ConfigHistoryPage(config_id=stored.config_id, name=stored.config.name, entries=shown, more=more)


def view(stored: StoredConfig, reference: str) -> ConfigView:
    """Return a config as admins see it; the parsed form goes without its secret."""
    config = stored.config
    return ConfigView(
        config_id=stored.config_id,
        name=config.name,
        renamed=reference != stored.config_id and name_key(reference) != name_key(config.name),
        former_names=stored.former_names,
        template=config.template,
        revision=stored.revision,
        deleted=stored.deleted_at is not None,
        client_secret_set=config.client_secret is not None,
        client_secret_set_at=stored.secret_set_at,
        config=config.model_copy(update={"client_secret": None}),
        text=stored.text,
        created_at=stored.created_at,
        created_by=stored.created_by,
        changed_at=stored.changed_at,
        changed_by=stored.changed_by,
        findings=read(stored.text).findings,
    )


def validate(command: ConfigValidate, place: Place) -> ConfigValidated:
    """Check one record; a plain secret in it is told with its place on the broker."""
    record = read(command.text)
    shown = None if record.config is None else record.config.model_copy(update={"client_secret": None})
    findings = with_place(record.findings, place)
    return ConfigValidated(ok=record.config is not None, config=shown, findings=findings)
