"""The templates a new token config can start from: one YAML file each, read at start, never from a path in a message.

A file holds one record in the format of a token config: `Name` is the template's name, the file's stem its slug. A
template that is wrong keeps the process from starting, and the message names file, line and cure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from grantkeeper.names import name_key
from grantkeeper.oauth2.redirect import redirect_slug, slugify
from grantkeeper.process.settings import SettingsError
from schemas.config_results import TemplateView
from schemas.findings import Finding
from schemas.replies import Detail
from schemas.token_config import TokenConfig
from services.config_service import document
from services.config_service.domain.values import Refusal

SETTING = "GRANTKEEPER_TEMPLATES_DIR"


@dataclass(frozen=True, slots=True)
class Template:
    """One template; `config.template` is its own name, as in every config made from it."""

    slug: str
    config: TokenConfig
    needs: tuple[str, ...]

    def view(self) -> TemplateView:
        """Return it as the add page needs it."""
        config = self.config
        return TemplateView(
            slug=self.slug,
            name=config.name,
            auth_flow=config.auth_flow,
            scope=config.scope,
            issuer=config.options.issuer,
            # Before the issuer is known its hash cannot be part of it.
            redirect_slug=slugify(config.template) if "options.issuer" in self.needs else redirect_slug(config),
            needs=self.needs,
            setup_hint=config.options.setup_hint,
            config=config,
        )


class Templates:
    """All templates, by name and by slug."""

    def __init__(self, templates: Sequence[Template]) -> None:
        self._sorted = sorted(templates, key=lambda template: template.config.name)
        self._found = {name_key(template.config.name): template for template in templates}
        self._found |= {template.slug: template for template in templates}

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a folder; raises SettingsError with one line that names the file and the cure."""
        files = sorted(folder.glob("*.yaml"))
        if not files:
            raise SettingsError(f"{SETTING}: {folder} holds no *.yaml: mount the folder of the templates")
        templates = [_read(path) for path in files]
        names = [name_key(template.config.name) for template in templates]
        for path, name in zip(files, names, strict=True):
            if names.count(name) > 1:
                raise SettingsError(f"{SETTING}: {path}: another template has the same Name: give it its own")
        return cls(templates)

    def find(self, reference: str) -> Template | Refusal:
        """Return a template by name or slug."""
        found = self._found.get(reference) or self._found.get(name_key(reference))
        if found is not None:
            return found
        slugs = ", ".join(template.slug for template in self._sorted)
        detail = Detail(field="template", problem="there is no such template", cure=f"Choose one of {slugs}.")
        return Refusal("template_unknown", f"There is no template {reference!r}.", (detail,))

    def views(self) -> tuple[TemplateView, ...]:
        """Return all of them by name."""
        return tuple(template.view() for template in self._sorted)


def _read(path: Path) -> Template:
    try:
        record = document.read(path.read_text(encoding="utf-8"), template=True)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{SETTING}: {path} cannot be read: {error}") from None
    if record.config is None:
        raise SettingsError(f"{SETTING}: {path}: {_worst(record.findings)}")
    config = record.config.model_copy(update={"template": record.config.name})
    return Template(path.stem, config, _needs(config))


def _worst(findings: Sequence[Finding]) -> str:
    one = next(finding for finding in findings if finding.level == "error")
    place = "" if one.line is None else f"line {one.line}: "
    return f"{place}{one.field or 'record'}: {one.message} {one.cure}".strip()


def _needs(config: TokenConfig) -> tuple[str, ...]:
    """Tell what an admin fills in, by the paths of `FieldEdits`."""
    asked = {
        "client_id": config.client_id is None,
        "client_secret": config.options.client_authentication in {"post", "basic"},
        "scope": config.scope is None,
        "options.issuer": config.options.discovery and config.options.issuer is None,
    }
    urls = {f"requests.{name}.url": block.url is None for name, block in config.requests.items()}
    discovered = config.options.discovery
    return tuple(path for path, wanted in {**asked, **({} if discovered else urls)}.items() if wanted)
