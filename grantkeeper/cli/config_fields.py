"""The options of `config create` and `config update` become the edits of a command; a new secret is sealed here.

A secret is sealed for one client id at one host, so the config is looked at as it will be after the edits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, get_args

import typer
from pydantic import ValidationError

from grantkeeper.cli.errors import WrongData
from grantkeeper.oauth2.client_identity import secret_binding
from grantkeeper_client import seal_to_installation
from schemas.config_commands import FieldEdits
from schemas.token_config import Options, RequestBlock, RequestType, TokenConfig, Validity

ClientIdOption = Annotated[str | None, typer.Option(help="The client id that the provider gave you.")]
ScopeOption = Annotated[str | None, typer.Option(help="Scope, as the provider wants it.")]
UrlOption = Annotated[
    list[str] | None,
    typer.Option(
        "--url",
        metavar="REQUEST=URL",
        help=f"Address of a request ({', '.join(get_args(RequestType))}); again for more.",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="OPTION=VALUE",
        help="Another option, e.g. issuer, mailbox_login, servers.imap; empty = default.",
    ),
]
NotifyTokenOption = Annotated[bool | None, typer.Option(help="Tell when no valid access token is left.")]
NotifyRefreshTokenOption = Annotated[bool | None, typer.Option(help="Tell when the refresh token ended.")]
ValidityOption = Annotated[Validity | None, typer.Option(help="valid, invalid or invalid-temporarily.")]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the person asked to change; None and empty = as it is."""

    name: str | None = None
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    scope: str | None = None
    notify_expired_token: bool | None = None
    notify_expired_refresh_token: bool | None = None
    validity: Validity | None = None
    urls: Sequence[str] = ()
    options: Sequence[str] = ()
    clear: Sequence[str] = ()


def edits(wanted: Wanted, base: TokenConfig, installation_key: Mapping[str, Any]) -> FieldEdits:
    """Return the edits that make `base` what is wanted; raises WrongData for an option that is none."""
    requests = _requests(wanted.urls, base)
    options = _options(wanted.options, base.options) if wanted.options else None
    return FieldEdits.model_validate(
        {
            "name": wanted.name,
            "client_id": wanted.client_id,
            "client_secret": _sealed(wanted, base, requests, options, installation_key),
            "scope": wanted.scope,
            "notify_expired_token": wanted.notify_expired_token,
            "notify_expired_refresh_token": wanted.notify_expired_refresh_token,
            "validity": wanted.validity,
            "requests": requests or None,
            "options": options,
            "clear": wanted.clear,
        }
    )


def _sealed(
    wanted: Wanted,
    base: TokenConfig,
    requests: Mapping[RequestType, RequestBlock],
    options: Options | None,
    installation_key: Mapping[str, Any],
) -> str | None:
    if wanted.client_secret is None:
        return None
    after = base.model_copy(
        update={
            "client_id": wanted.client_id or base.client_id,
            "requests": {**base.requests, **requests},
            "options": options or base.options,
        }
    )
    bound = secret_binding(after)
    return seal_to_installation(installation_key, wanted.client_secret, use="client_secret", bound=bound)


def _requests(urls: Sequence[str], base: TokenConfig) -> dict[RequestType, RequestBlock]:
    known: dict[str, RequestType] = {kind: kind for kind in get_args(RequestType)}
    changed: dict[RequestType, RequestBlock] = {}
    for text in urls:
        name, url = _assignment("--url", text)
        if name not in known:
            raise WrongData(f"--url {name}: there is no such request; there are {', '.join(known)}")
        kind = known[name]
        changed[kind] = base.requests.get(kind, RequestBlock()).model_copy(update={"url": url or None})
    return changed


def _options(assignments: Sequence[str], base: Options) -> Options:
    values: dict[str, Any] = base.model_dump()
    for text in assignments:
        path, value = _assignment("--set", text)
        name, _, inner = path.replace("-", "_").partition(".")
        if name not in Options.model_fields or (inner and not isinstance(values.get(name), dict)):
            raise WrongData(
                f"--set {path}: there is no such option; there are {', '.join(sorted(Options.model_fields))}"
            )
        if inner:
            values[name] = {**values[name], inner: value or None}
        elif value:
            values[name] = value
        else:
            values.pop(name, None)
    try:
        return Options.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise WrongData(f"--set {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _assignment(option: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise WrongData(f"{option} {text}: write NAME=VALUE")
    return name.strip(), value.strip()
