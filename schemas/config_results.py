"""The `result` of replies to `config.commands`. No secret in any of them: a client secret is told as set or not."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from schemas.envelope import ConfigId, Model, PrincipalId
from schemas.findings import Finding
from schemas.principals import PrincipalChanged
from schemas.token_config import TokenConfig, Validity

NewLogin = Literal["no", "advised", "required"]
"""What a change means for the grant: no = nothing, advised = the granted scope stays behind the wanted one,
required = the access token is served to its end, then a new login."""


class ConfigSaved(Model):
    """A config was stored (or would be, in a dry run)."""

    config_id: ConfigId
    name: str
    revision: int
    validity: Validity
    deleted: bool = False
    new_login: NewLogin = "no"
    rewritten: bool = Field(default=False, description="A form edit rewrote the text: comments are gone.")
    findings: tuple[Finding, ...] = ()
    changed: tuple[str, ...] = Field(default=(), description="Dotted paths of what changed.")


class ConfigView(Model):
    """One config as admins see it: text with the sealed secret, parsed form without it."""

    config_id: ConfigId
    name: str
    renamed: bool = Field(default=False, description="It was asked for by a former name.")
    former_names: tuple[str, ...] = ()
    template: str
    revision: int
    deleted: bool = False
    client_secret_set: bool
    client_secret_set_at: datetime | None = None
    config: TokenConfig
    text: str
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str
    findings: tuple[Finding, ...] = ()


class HistoryEntry(Model):
    """One revision: who, when, what, and the difference as unified diff lines with secrets masked."""

    revision: int
    at: datetime
    actor: str
    principal: str
    action: str
    changed: tuple[str, ...] = ()
    difference: tuple[str, ...] = ()


class ConfigHistoryPage(Model):
    """Newest first."""

    config_id: ConfigId
    name: str
    entries: tuple[HistoryEntry, ...]
    more: bool = False


class ConfigValidated(Model):
    """What a record would be and what is wrong with it; `config` is None where an error stands among the findings."""

    ok: bool
    config: TokenConfig | None = None
    findings: tuple[Finding, ...] = ()


class TemplateView(Model):
    """One template, as the add page needs it."""

    slug: str
    name: str
    auth_flow: str
    scope: str | None = None
    issuer: str | None = None
    redirect_slug: str
    needs: tuple[str, ...] = Field(description="Fields an admin fills in, e.g. `client_id`, `options.issuer`.")
    setup_hint: str | None = None
    config: TokenConfig


class TemplatePage(Model):
    """All templates by name."""

    templates: tuple[TemplateView, ...]


RecordOutcome = Literal["added", "overwritten", "unchanged", "skipped", "refused"]


class RecordReport(Model):
    """What became of one record of an import."""

    index: int
    line: int
    name: str | None = None
    outcome: RecordOutcome
    config_id: ConfigId | None = None
    revision: int | None = None
    findings: tuple[Finding, ...] = ()


class ImportReport(Model):
    """One chunk's records in the order of the file."""

    import_id: ConfigId
    chunk: int
    dry_run: bool
    records: tuple[RecordReport, ...]


class ExportPage(Model):
    """Records as YAML texts, at most 512 KiB; `cursor` continues."""

    records: tuple[str, ...]
    cursor: str | None = None


class PrincipalView(Model):
    """One principal."""

    principal: PrincipalChanged


class PrincipalPage(Model):
    """Principals by id, at most 512 KiB; `cursor` continues."""

    principals: tuple[PrincipalChanged, ...]
    cursor: PrincipalId | None = None
