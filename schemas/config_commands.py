"""Topic `config.commands`: what admins want of token configs, templates and principals. Read by config_service."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints, model_validator

from schemas.envelope import Actor, ConfigId, Message, Model, PrincipalId, Sealed
from schemas.principals import Role
from schemas.token_config import Name, Options, Parameters, RequestBlock, RequestType, Validity
from schemas.topics import CONFIG_COMMANDS

RECORD_MAX_BYTES = 65_536
CHUNK_MAX_RECORDS = 100
CHUNK_MAX_BYTES = 524_288

Reference = Annotated[
    str, StringConstraints(min_length=1, max_length=250), Field(description="A config's id, its name or a former name.")
]
Text = Annotated[str, Field(max_length=RECORD_MAX_BYTES, description="YAML of one record; secrets sealed.")]
Revision = Annotated[int, Field(ge=1)]


class Command(Message):
    """A command to config_service."""

    TOPIC: ClassVar[str] = CONFIG_COMMANDS
    ROLES: ClassVar[frozenset[str]] = frozenset({"admin"})

    actor: Actor = None


class FieldEdits(Model):
    """What a form changes; a field that is absent stays as it is, one named in `clear` becomes empty."""

    name: Name | None = None
    client_id: Annotated[str, Field(max_length=1000)] | None = None
    client_secret: Sealed | None = None
    scope: Annotated[str, Field(max_length=4000)] | None = None
    notify_expired_token: bool | None = None
    notify_expired_refresh_token: bool | None = None
    validity: Validity | None = None
    requests: dict[RequestType, RequestBlock] | None = Field(
        default=None, description="Blocks given replace their like."
    )
    extra: Parameters | None = None
    options: Options | None = Field(default=None, description="Replaces the whole mapping.")
    clear: tuple[Literal["client_secret", "scope", "client_id"], ...] = ()


class ConfigCreate(Command):
    """Make a token config from a template, or as a copy of another one. Result: ConfigSaved."""

    TYPE: ClassVar[str] = "grantkeeper.config.create.v1"

    config_id: ConfigId
    template: Annotated[str, Field(max_length=250)] | None = Field(
        default=None, description="Name or slug of the template."
    )
    copy_of: ConfigId | None = None
    fields: FieldEdits

    @model_validator(mode="after")
    def _one_origin_and_a_name(self) -> "ConfigCreate":
        if (self.template is None) is (self.copy_of is None):
            reason = "name a template or a config to copy, one of the two"
            raise ValueError(reason)
        if self.fields.name is None:
            reason = "fields.name is required"
            raise ValueError(reason)
        return self


class ConfigUpdate(Command):
    """Change fields, or replace the whole YAML, of the revision that the sender saw. Result: ConfigSaved."""

    TYPE: ClassVar[str] = "grantkeeper.config.update.v1"

    config_id: ConfigId
    expected_revision: Revision
    fields: FieldEdits | None = None
    text: Text | None = None
    dry_run: bool = Field(default=False, description="Say what the change would mean, store nothing.")

    @model_validator(mode="after")
    def _fields_or_text(self) -> "ConfigUpdate":
        if (self.fields is None) is (self.text is None):
            reason = "give fields or text, one of the two"
            raise ValueError(reason)
        return self


class ConfigSetValidity(Command):
    """Set valid, invalid or invalid-temporarily. Result: ConfigSaved."""

    TYPE: ClassVar[str] = "grantkeeper.config.set_validity.v1"

    config_id: ConfigId
    validity: Validity
    expected_revision: Revision | None = None


class ConfigDelete(Command):
    """Take a config out of service; undoable for 30 days, the grant is kept as long. Result: ConfigSaved."""

    TYPE: ClassVar[str] = "grantkeeper.config.delete.v1"

    config_id: ConfigId
    expected_revision: Revision | None = None


class ConfigUndelete(Command):
    """Take a delete back. Result: ConfigSaved."""

    TYPE: ClassVar[str] = "grantkeeper.config.undelete.v1"

    config_id: ConfigId


class ConfigReleaseName(Command):
    """Let others use a former name; it no longer resolves to this config. Result: ConfigSaved."""

    TYPE: ClassVar[str] = "grantkeeper.config.release_name.v1"

    config_id: ConfigId
    name: Name


class ConfigGet(Command):
    """Read one config. Result: ConfigView."""

    TYPE: ClassVar[str] = "grantkeeper.config.get.v1"

    config: Reference


class ConfigHistory(Command):
    """Who changed what and when, newest first. Result: ConfigHistoryPage."""

    TYPE: ClassVar[str] = "grantkeeper.config.history.v1"

    config: Reference
    before_revision: Revision | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class ConfigValidate(Command):
    """Check one record without storing it. Result: ConfigValidated."""

    TYPE: ClassVar[str] = "grantkeeper.config.validate.v1"

    text: Text


class TemplateList(Command):
    """The templates there are. Result: TemplatePage."""

    TYPE: ClassVar[str] = "grantkeeper.template.list.v1"


class ImportRecord(Model):
    """One record of an imported file: its own lines."""

    index: int = Field(ge=0, description="Place in the file, from 0.")
    line: int = Field(ge=1, description="Line of the file at which the record starts.")
    config_id: ConfigId = Field(description="The identity if the record makes a new config.")
    text: Text


class ConfigImport(Command):
    """One chunk of an import: a transaction of its own. Result: ImportReport."""

    TYPE: ClassVar[str] = "grantkeeper.config.import.v1"

    import_id: ConfigId
    chunk: int = Field(ge=0)
    overwrite: bool = Field(default=False, description="Replace configs of the same name; else they are skipped.")
    dry_run: bool = False
    records: Annotated[tuple[ImportRecord, ...], Field(min_length=1, max_length=CHUNK_MAX_RECORDS)]


class ConfigExport(Command):
    """Read configs as YAML, a page at a time. Result: ExportPage."""

    TYPE: ClassVar[str] = "grantkeeper.config.export.v1"

    configs: tuple[Reference, ...] | None = Field(default=None, description="None = all that are not deleted.")
    cursor: str | None = Field(default=None, max_length=300)


class PrincipalAdd(Command):
    """Register a principal; a disabled one of the same id comes back with a raised version. Result: PrincipalView."""

    TYPE: ClassVar[str] = "grantkeeper.principal.add.v1"

    principal: PrincipalId
    role: Role
    acts_for_users: bool = False
    configs: tuple[ConfigId, ...] | None = None
    description: Annotated[str, Field(max_length=250)] = ""
    expected_sequence: int | None = Field(default=None, ge=0, description="What was seen; 0 = there must be none.")


class PrincipalDisable(Command):
    """Refuse all further messages of a principal. Result: PrincipalView."""

    TYPE: ClassVar[str] = "grantkeeper.principal.disable.v1"

    principal: PrincipalId
    expected_sequence: int | None = Field(default=None, ge=1, description="What was seen.")


class PrincipalList(Command):
    """All principals, a page at a time. Result: PrincipalPage."""

    TYPE: ClassVar[str] = "grantkeeper.principal.list.v1"

    cursor: PrincipalId | None = None
