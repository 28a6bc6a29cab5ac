"""From what was typed to what is asked for: the form of a token config, as fields of the contract.

A secret is sealed here, before anything else sees it; from then on only the sealed text travels, also back into the
page when something else has to be corrected. What is wrong comes out per field, as a key of the catalogue.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final, Self, cast, get_args

from pydantic import SecretStr
from starlette.datastructures import FormData

from grantkeeper.oauth2.client_identity import secret_binding
from grantkeeper_client import SealError, seal_to_installation, sealed_binding
from schemas.config_commands import FieldEdits
from schemas.token_config import NAME_MAX_LENGTH, Options, RequestBlock, RequestType, TokenConfig, Validity

LIMITS: Final[Mapping[str, int]] = {"name": NAME_MAX_LENGTH, "client_id": 1000, "scope": 4000, "mailbox_login": 320}
"""Characters, as the contract has them."""
URL_LIMIT: Final = 2000
SECRET_LIMIT: Final = 4000
WITHOUT_SECRET: Final = frozenset({"none", "private_key_jwt"})
"""Client authentications that need no client secret."""
URLS: Final[Mapping[str, tuple[RequestType, ...]]] = {
    "AuthorizationCode": ("AuthorizationCode", "TokenByAuthorizationCode", "TokenByRefreshToken"),
    "ClientCredentials": ("TokenByClientCredentials",),
}
"""The addresses that each flow has."""


@dataclass(frozen=True, slots=True)
class TokenForm:
    """One filled-in form: plain values by field, and the secret apart from them."""

    values: Mapping[str, str]
    secret: SecretStr = field(default=SecretStr(""), repr=False)
    sealed: str = ""
    """A secret that was typed and sealed in an earlier try."""

    @classmethod
    def read(cls, form: FormData) -> Self:
        """Take what a browser sent; line ends and outer blanks of single-line fields mean nothing."""
        typed = {name: value.strip() for name, value in form.multi_items() if isinstance(value, str)}
        secret, sealed = typed.pop("client_secret", ""), typed.pop("client_secret_sealed", "")
        return cls(typed, SecretStr(secret), sealed)

    @classmethod
    def of(cls, config: TokenConfig, *, name: str | None = None) -> Self:
        """Show a config."""
        options = config.options
        values = {
            "name": config.name if name is None else name,
            "client_id": config.client_id or "",
            "scope": config.scope or "",
            "validity": config.validity,
            "mailbox_login": options.mailbox_login or "",
            "client_secret_ends": options.client_secret_ends.isoformat() if options.client_secret_ends else "",
            "issuer": options.issuer or "",
            "notify_expired_token": "1" if config.notify_expired_token else "",
            "notify_expired_refresh_token": "1" if config.notify_expired_refresh_token else "",
        }
        urls = {f"url.{kind}": _url(config, kind) for kind in URLS[config.auth_flow]}
        return cls({**values, **urls})

    @property
    def urls(self) -> list[str]:
        """The fields that are addresses."""
        return [name for name in self.values if name.startswith("url.")]

    def get(self, name: str) -> str:
        """Return one value."""
        return self.values.get(name, "")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a form means: edits of the contract, or what is wrong by field."""

    form: TokenForm
    edits: FieldEdits | None
    problems: Mapping[str, str]


def understand(
    form: TokenForm, base: TokenConfig, installation_key: Mapping[str, Any], *, is_new: bool, has_secret: bool
) -> Outcome:
    """Turn a form into edits of `base`: the template, or the config as it is stored.

    `has_secret`: `base` comes with a client secret that stays if none is typed and client and host stay the same.
    """
    problems = _problems(form, base)
    if problems:
        return Outcome(form, None, problems)
    wanted = _wanted(form, base)
    form = _sealed(form, wanted, installation_key)
    kept = has_secret and secret_binding(wanted) == secret_binding(base)
    if not form.sealed and not kept and wanted.options.client_authentication not in WITHOUT_SECRET:
        return Outcome(form, None, {"client_secret": "field.secret_again" if has_secret else "field.missing"})
    return Outcome(form, _edits(form, base, wanted, is_new=is_new), {})


def _problems(form: TokenForm, base: TokenConfig) -> dict[str, str]:
    found = {name: "field.missing" for name in ("name", "client_id") if not form.get(name)}
    found |= {name: "field.too_long" for name, limit in LIMITS.items() if len(form.get(name)) > limit}
    found |= {
        name: "field.too_long" for name, text in form.values.items() if len(text) > URL_LIMIT and name not in LIMITS
    }
    if len(form.secret.get_secret_value()) > SECRET_LIMIT:
        found["client_secret"] = "field.too_long"
    if form.get("client_secret_ends") and _date(form.get("client_secret_ends")) is None:
        found["client_secret_ends"] = "field.bad_date"
    if form.get("validity") not in get_args(Validity):
        found["validity"] = "field.missing"
    if base.options.issuer is None and base.options.discovery and not form.get("issuer"):
        found["issuer"] = "field.missing"
    return found


def _wanted(form: TokenForm, base: TokenConfig) -> TokenConfig:
    """Return the config as it would be, without its secret."""
    return base.model_copy(
        update={
            "name": form.get("name"),
            "client_id": form.get("client_id"),
            "scope": form.get("scope") or None,
            "validity": cast("Validity", form.get("validity")),
            "notify_expired_token": bool(form.get("notify_expired_token")),
            "notify_expired_refresh_token": bool(form.get("notify_expired_refresh_token")),
            "requests": _requests(form, base),
            "options": _options(form, base.options),
        }
    )


def _requests(form: TokenForm, base: TokenConfig) -> dict[RequestType, RequestBlock]:
    requests = dict(base.requests)
    for kind in URLS[base.auth_flow]:
        url = form.values.get(f"url.{kind}")
        if url is not None and url != _url(base, kind):
            requests[kind] = requests.get(kind, RequestBlock()).model_copy(update={"url": url or None})
    return requests


def _options(form: TokenForm, base: Options) -> Options:
    changes: dict[str, Any] = {"client_secret_ends": _date(form.get("client_secret_ends"))}
    changes |= {name: form.get(name) or None for name in ("mailbox_login", "issuer") if name in form.values}
    return base.model_copy(update=changes)


def _sealed(form: TokenForm, wanted: TokenConfig, installation_key: Mapping[str, Any]) -> TokenForm:
    """Seal what was typed; drop what was sealed for another client or host."""
    bound = secret_binding(wanted)
    secret = form.secret.get_secret_value()
    if secret:
        sealed = seal_to_installation(installation_key, secret, use="client_secret", bound=bound)
        return replace(form, secret=SecretStr(""), sealed=sealed)
    try:
        fits = bool(form.sealed) and sealed_binding(form.sealed) == {"use": "client_secret", **bound}
    except SealError:
        fits = False
    return form if fits else replace(form, sealed="")


def _edits(form: TokenForm, base: TokenConfig, wanted: TokenConfig, *, is_new: bool) -> FieldEdits:
    """Name only what differs: what is not named stays as it is, also what this form does not show."""
    changes: dict[str, Any] = {"name": wanted.name} if is_new else {}
    for name in (
        "name",
        "client_id",
        "scope",
        "validity",
        "notify_expired_token",
        "notify_expired_refresh_token",
        "options",
    ):
        if getattr(wanted, name) != getattr(base, name) and getattr(wanted, name) is not None:
            changes[name] = getattr(wanted, name)
    requests = {kind: block for kind, block in wanted.requests.items() if block != base.requests.get(kind)}
    if requests:
        changes["requests"] = requests
    if form.sealed:
        changes["client_secret"] = form.sealed
    if base.scope and not wanted.scope:
        changes["clear"] = ("scope",)
    return FieldEdits(**changes)


def field_of(place: str | None) -> str:
    """Say which field of the form a service's complaint is about; empty = none of them."""
    path = (place or "").removeprefix("fields.").removeprefix("options.")
    if path.startswith("requests."):
        return f"url.{path.split('.')[1]}"
    return path if path in {*LIMITS, "client_secret", "client_secret_ends", "validity", "issuer"} else ""


def _url(config: TokenConfig, kind: RequestType) -> str:
    block = config.requests.get(kind)
    return (block.url if block else None) or ""


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
