"""From what was typed to what is asked for: a form of a token config, as fields of the contract.

A secret is sealed here, before anything else sees it; from then on only the sealed text travels, also back into the
page when something else has to be corrected. What is wrong comes out per field, as a key of the catalogue.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, cast, get_args

from pydantic import SecretStr

from grantkeeper.oauth2.client_identity import secret_binding
from grantkeeper_client import SealError, seal_to_installation, sealed_binding
from schemas.config_commands import FieldEdits
from schemas.token_config import NAME_MAX_LENGTH, Options, RequestBlock, RequestType, TokenConfig, Validity
from services.console.token_form import ENDPOINTS, URLS, TokenForm, parameters_of, read_parameters, url_of

LIMITS: Final[Mapping[str, int]] = {"name": NAME_MAX_LENGTH, "client_id": 1000, "scope": 4000, "mailbox_login": 320}
"""Characters, as the contract has them."""
URL_LIMIT: Final = 2000
PARAMETERS_LIMIT: Final = 8000
SECRET_LIMIT: Final = 4000
WITHOUT_SECRET: Final = frozenset({"none", "private_key_jwt"})
"""Client authentications that need no client secret."""
_COMPARED: Final = (
    "name",
    "client_id",
    "scope",
    "validity",
    "notify_expired_token",
    "notify_expired_refresh_token",
    "options",
)


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
    problems, wanted = _problems(form, base), _wanted(form, base)
    if form.get("client_id") and "client_secret" not in problems:
        form = _sealed(form, wanted, installation_key)  # also where something else is wrong: it is typed once
    if problems:
        return Outcome(form, None, problems)
    kept = has_secret and secret_binding(wanted) == secret_binding(base)
    if not form.sealed and not kept and wanted.options.client_authentication not in WITHOUT_SECRET:
        return Outcome(form, None, {"client_secret": "field.secret_again" if has_secret else "field.missing"})
    return Outcome(form, _edits(form, base, wanted, is_new=is_new), {})


def _problems(form: TokenForm, base: TokenConfig) -> dict[str, str]:
    found = {name: "field.missing" for name in ("name", "client_id") if not form.get(name)}
    found |= {name: "field.too_long" for name, text in form.values.items() if len(text) > _limit(name)}
    found |= dict.fromkeys(_odd_parameters(form, base), "field.bad_parameters")
    if len(form.secret.get_secret_value()) > SECRET_LIMIT:
        found["client_secret"] = "field.too_long"
    if form.get("client_secret_ends") and _date(form.get("client_secret_ends")) is None:
        found["client_secret_ends"] = "field.bad_date"
    if form.get("validity") not in get_args(Validity):
        found["validity"] = "field.missing"
    if base.options.issuer is None and base.options.discovery and not form.get("issuer"):
        found["issuer"] = "field.missing"
    return found


def _odd_parameters(form: TokenForm, base: TokenConfig) -> list[str]:
    """Name the fields of parameters that cannot be read; a value that only YAML can write is left as it stands."""
    shown = TokenForm.of(base)
    return [one for one in form.named("parameters.") if not _reads(form, one) and form.get(one) != shown.get(one)]


def _reads(form: TokenForm, name: str) -> bool:
    return _parameters(form, name) is not None


def _limit(name: str) -> int:
    return PARAMETERS_LIMIT if name.startswith("parameters.") else LIMITS.get(name, URL_LIMIT)


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
        changes: dict[str, Any] = {}
        url = form.values.get(f"url.{kind}")
        if url is not None and url != url_of(base, kind):
            changes["url"] = url or None
        parameters = _parameters(form, f"parameters.{kind}")
        if parameters is not None and parameters != read_parameters(parameters_of(base, kind)):
            changes["parameters"] = parameters
        if changes:
            requests[kind] = requests.get(kind, RequestBlock()).model_copy(update=changes)
    return requests


def _parameters(form: TokenForm, name: str) -> Mapping[str, str] | None:
    text = form.values.get(name)
    return None if text is None else read_parameters(text)


def _options(form: TokenForm, base: Options) -> Options:
    changes: dict[str, Any] = {"client_secret_ends": _date(form.get("client_secret_ends"))}
    shown = ("mailbox_login", "issuer", *ENDPOINTS)
    changes |= {name: form.get(name) or None for name in shown if name in form.values}
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
    for name in _COMPARED:
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


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
