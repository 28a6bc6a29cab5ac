"""What each command makes of a token config: the next revision, or a refusal that names field and cure.

Every way of writing ends in the same reading (`document.read`): what a form sends is written as YAML and read like a
text that came by mail. The template is fixed once saved. Uniqueness of names is the store's, which sees all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from grantkeeper.names import display_name, name_key
from schemas.config_commands import ConfigCreate, ConfigUpdate, FieldEdits
from schemas.findings import Finding
from schemas.reasons import ErrorCode
from schemas.replies import Detail
from schemas.token_config import TokenConfig, Validity
from services.config_service import document
from services.config_service.domain.in_place import edited_in_place
from services.config_service.domain.meaning import changed_paths, new_login, other_mailbox
from services.config_service.domain.reading import read
from services.config_service.domain.values import Action, Author, Change, Decision, Refusal, StoredConfig
from services.config_service.znuny import OWN_KEYS

UNDO_TIME: Final = timedelta(days=30)
"""How long a delete can be taken back (CONTRACT, walk 7); then the config is purged and its grant revoked."""
MOST_FORMER_NAMES: Final = 100
"""Each travels in every event of its config, and blocks others."""


@dataclass(frozen=True, slots=True)
class Written:
    """A text that reads without an error, and what it reads as."""

    config: TokenConfig
    text: str
    findings: tuple[Finding, ...]


def create(command: ConfigCreate, origin: TokenConfig, author: Author, copied_text: str | None = None) -> Decision:
    """Make the first revision from a template's config, or from that of the config to copy, with its text."""
    config = _with_fields(origin, command.fields)
    if isinstance(config, Refusal):
        return config
    written = read_text(document.write(config, copied_text))
    if isinstance(written, Refusal):
        return written
    after = first_revision(command.config_id, written.config, written.text, author)
    return Change(None, after, "created" if copied_text is None else "copied", author, findings=written.findings)


def first_revision(config_id: str, config: TokenConfig, text: str, author: Author) -> StoredConfig:
    """Return a config as it is stored for the first time."""
    return StoredConfig(
        config_id=config_id,
        config=config,
        text=text,
        revision=1,
        sequence=1,
        created_at=author.at,
        created_by=author.actor,
        changed_at=author.at,
        changed_by=author.actor,
        secret_set_at=_secret_time(config, author),
    )


def _secret_time(config: TokenConfig, author: Author) -> datetime | None:
    return None if config.client_secret is None else author.at


def update(stored: StoredConfig, command: ConfigUpdate, author: Author) -> Decision:
    """Change fields, or replace the text, of the revision that the sender saw."""
    refusal = _not_editable(stored) or _other_revision(stored, command.expected_revision)
    if refusal is not None:
        return refusal
    if command.text is not None:
        written = read_text(command.text)
        return written if isinstance(written, Refusal) else keep_text(stored, written, author, "text_replaced")
    return _edit(stored, _with_fields(stored.config, command.fields or FieldEdits()), author, "edited")


def set_validity(stored: StoredConfig, validity: Validity, expected: int | None, author: Author) -> Decision:
    """Set the validity."""
    refusal = _not_editable(stored) or _other_revision(stored, expected)
    if refusal is not None:
        return refusal
    return _edit(stored, stored.config.model_copy(update={"validity": validity}), author, "validity_set")


def keep_text(stored: StoredConfig, written: Written, author: Author, action: Action) -> Decision:
    """Keep a text as it was received; its template must be the stored one."""
    if written.config.template != stored.config.template:
        return _template_is_fixed(stored.config.template)
    return _revised(stored, written, author, action)


def delete(stored: StoredConfig, expected: int | None, author: Author) -> Decision:
    """Take out of service; a config that is deleted already stays as it is."""
    if stored.deleted_at is not None:
        return _unchanged(stored, "deleted", author)
    refusal = _other_revision(stored, expected)
    if refusal is not None:
        return refusal
    return _next(stored, replace(stored, deleted_at=author.at), author, "deleted", ("deleted",))


def undelete(stored: StoredConfig, former_names_taken: frozenset[str], author: Author) -> Decision:
    """Take a delete back; former names that others took meanwhile (by key) no longer resolve to it."""
    if stored.deleted_at is None:
        return _unchanged(stored, "undeleted", author)
    kept = tuple(name for name in stored.former_names if name_key(name) not in former_names_taken)
    lost = [name for name in stored.former_names if name not in kept]
    after = replace(stored, deleted_at=None, name_released=False, former_names=kept)
    change = _next(stored, after, author, "undeleted", ("deleted", *(["former_names"] if lost else [])))
    return replace(change, findings=tuple(map(_lost_name, lost)))


def release_name(stored: StoredConfig, name: str, author: Author) -> Decision:
    """Let others take a former name; of a deleted config the current one too."""
    key = name_key(name)
    kept = tuple(former for former in stored.former_names if name_key(former) != key)
    if kept != stored.former_names:
        return _next(stored, replace(stored, former_names=kept), author, "name_released", ("former_names",))
    if key != name_key(stored.config.name):
        return Refusal("not_found", f"{stored.config.name!r} has no former name {name!r}.", (_NO_FORMER_NAME,))
    if stored.deleted_at is None:
        return Refusal("invalid_field", f"{name!r} is the name in use, not a former one.", (_NAME_IN_USE,))
    if stored.name_released:
        return _unchanged(stored, "name_released", author)
    return _next(stored, replace(stored, name_released=True), author, "name_released", ("name_released",))


def read_text(text: str) -> Written | Refusal:
    """Read a record; refuse it where an error stands among its findings."""
    record = read(text)
    return refusal_of(record.findings) if record.config is None else Written(record.config, text, record.findings)


def refusal_of(findings: Sequence[Finding]) -> Refusal:
    """Turn findings with an error among them into a refusal; a plain secret goes before everything else."""
    errors = sorted((item for item in findings if item.level == "error"), key=lambda item: item.code != "plain_secret")
    code: ErrorCode = "plain_secret" if errors[0].code == "plain_secret" else "invalid_field"
    return Refusal(code, errors[0].message, tuple(map(_detail, errors)))


def _edit(stored: StoredConfig, config: TokenConfig | Refusal, author: Author, action: Action) -> Decision:
    """Write a changed config into its text: in place where that is possible, else anew."""
    if isinstance(config, Refusal):
        return config
    if config == stored.config:
        return _unchanged(stored, action, author)
    in_place = edited_in_place(stored.text, stored.config, config)
    written = read_text(document.write(config, stored.text) if in_place is None else in_place)
    if isinstance(written, Refusal):
        return written
    by_hand = stored.text != document.write(stored.config, stored.text)
    decision = _revised(stored, written, author, action)
    return decision if isinstance(decision, Refusal) else replace(decision, rewritten=in_place is None and by_hand)


def _revised(stored: StoredConfig, written: Written, author: Author, action: Action) -> Decision:
    config = written.config
    if written.text == stored.text:
        return replace(_unchanged(stored, action, author), findings=written.findings)
    former_names = _former_names(stored, config.name)
    if len(former_names) > MOST_FORMER_NAMES:
        return _refuse_field("Name", f"{MOST_FORMER_NAMES} former names are held", "Release some of them first.")
    after = replace(stored, config=config, text=written.text, former_names=former_names)
    changed = changed_paths(stored.config, config) or ("text",)
    change = _next(stored, after, author, action, changed)
    mailbox = other_mailbox(stored.config, config)
    findings = written.findings if mailbox is None else (*written.findings, mailbox)
    return replace(change, new_login=new_login(stored.config, config), findings=findings)


def _next(stored: StoredConfig, after: StoredConfig, author: Author, action: Action, changed: Sequence[str]) -> Change:
    same_secret = after.config.client_secret == stored.config.client_secret
    revised = replace(
        after,
        revision=stored.revision + 1,
        sequence=stored.sequence + 1,
        changed_at=author.at,
        changed_by=author.actor,
        secret_set_at=stored.secret_set_at if same_secret else _secret_time(after.config, author),
        import_id=None,
    )
    return Change(stored, revised, action, author, tuple(changed))


def _unchanged(stored: StoredConfig, action: Action, author: Author) -> Change:
    return Change(stored, stored, action, author)


def _former_names(stored: StoredConfig, name: str) -> tuple[str, ...]:
    """The old name keeps resolving; a former name that comes back is no former one any more."""
    names = (*stored.former_names, stored.config.name)
    return tuple(former for former in names if name_key(former) != name_key(name))


def _with_fields(config: TokenConfig, fields: FieldEdits) -> TokenConfig | Refusal:
    given = fields.model_dump(exclude={"clear"}, exclude_none=True)
    cleared: dict[str, None] = dict.fromkeys(fields.clear)
    both = sorted(given.keys() & cleared.keys())
    if both:
        return _refuse_field(f"fields.{both[0]}", "is given and cleared in one command", "Do one of the two.")
    reserved = sorted(OWN_KEYS.intersection(fields.extra or {}))
    if reserved:
        problem, cure = "is a name of the format itself", "Choose another name, or edit the field that has this one."
        return _refuse_field(f"fields.extra.{reserved[0]}", problem, cure)
    if fields.name is not None:
        try:
            given["name"] = display_name(fields.name)
        except ValueError as error:
            return _refuse_field("fields.name", str(error), "Choose another name.")
    requests = {**config.model_dump()["requests"], **given.pop("requests", {})}
    return TokenConfig.model_validate({**config.model_dump(), **given, **cleared, "requests": requests})


def _not_editable(stored: StoredConfig) -> Refusal | None:
    if stored.deleted_at is None:
        return None
    detail = Detail(field="config_id", problem="the config is deleted", cure="Undelete it, then edit it.")
    return Refusal("deleted", f"{stored.config.name!r} is deleted.", (detail,), {"deleted_at": stored.deleted_at})


def _other_revision(stored: StoredConfig, expected: int | None) -> Refusal | None:
    if expected is None or expected == stored.revision:
        return None
    facts = {"revision": stored.revision, "changed_at": stored.changed_at, "changed_by": stored.changed_by}
    problem = f"revision {expected} was seen, {stored.revision} is the current one, by {stored.changed_by}"
    detail = Detail(field="expected_revision", problem=problem, cure="Read it again and repeat your change.")
    return Refusal("revision_conflict", f"{stored.config.name!r} was changed meanwhile.", (detail,), facts)


def _template_is_fixed(template: str) -> Refusal:
    problem, cure = "the template is fixed once saved", f"Leave it {template!r}, or add a new token from the other one."
    return _refuse_field("Config.TemplateName", problem, cure)


def _refuse_field(field: str, problem: str, cure: str) -> Refusal:
    return Refusal("invalid_field", f"{field}: {problem}.", (Detail(field=field, problem=problem, cure=cure),))


def _detail(finding: Finding) -> Detail:
    return Detail(
        field=finding.field, line=finding.line, column=finding.column, problem=finding.message, cure=finding.cure
    )


def _lost_name(name: str) -> Finding:
    message = f"The former name {name!r} was taken by another token meanwhile and no longer resolves to this one."
    return Finding(level="warning", code="former_name_lost", field="Name", message=message)


_NO_FORMER_NAME = Detail(field="name", problem="no former name", cure="Read the config: it lists its former names.")
_NAME_IN_USE = Detail(field="name", problem="the name in use", cure="Rename the token first, or delete it.")
