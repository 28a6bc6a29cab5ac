"""`python -m devstack.provider.control`: make the running provider fail, revoke, expire; read its journal."""

import json
import sys
from dataclasses import asdict
from typing import Annotated, Any

import requests
import typer
from pydantic import ValidationError

from devstack.provider.control_client import ControlRefused, ProviderControl
from devstack.provider.faults import Delivery, Fault
from devstack.provider.replies import names
from devstack.provider.verdict import verdict

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
Realm = Annotated[str, typer.Option(help="google, microsoft, strict, grace, or one of your own.")]
AnyRealm = Annotated[str | None, typer.Option(help="Only this realm.")]


@cli.callback()
def connect(
    context: typer.Context,
    url: Annotated[str, typer.Option(help="Where the provider runs.")] = "http://127.0.0.1:19020",
) -> None:
    """Orders to the local provider."""
    context.obj = ProviderControl(url.rstrip("/"))


@cli.command()
def fail(  # noqa: PLR0913, PLR0917 - a command line offers what a fault has
    context: typer.Context,
    realm: AnyRealm = None,
    endpoint: Annotated[
        str, typer.Option(help="token, revoke, introspect, discovery, jwks, userinfo, authorize, device_authorization.")
    ] = "token",
    client_id: Annotated[str | None, typer.Option(help="Only this client.")] = None,
    grant_type: Annotated[str | None, typer.Option(help="Only this grant type.")] = None,
    next_: Annotated[int | None, typer.Option("--next", help="How many requests; default: until cleared.")] = None,
    named: Annotated[str | None, typer.Option(help="A known bad answer; see `names`.")] = None,
    status: Annotated[int | None, typer.Option(help="HTTP status.")] = None,
    retry_after: Annotated[str | None, typer.Option(help="Seconds or an HTTP date.")] = None,
    retry_after_date: Annotated[float | None, typer.Option(help="Seconds from the answer, sent as a date.")] = None,
    body: Annotated[str | None, typer.Option(help="The whole body.")] = None,
    content_type: Annotated[str | None, typer.Option(help="Of the body.")] = None,
    header: Annotated[list[str] | None, typer.Option(help="name: value; may be repeated.")] = None,
    delay: Annotated[float, typer.Option(help="Seconds between the work and the answer.")] = 0,
    delay_before: Annotated[float, typer.Option(help="Seconds before the work.")] = 0,
    delivery: Annotated[Delivery, typer.Option(help="How the answer's bytes leave.")] = Delivery.WHOLE,
    processed: Annotated[bool, typer.Option(help="Do the work although another answer is sent.")] = False,  # noqa: FBT002
    set_: Annotated[list[str] | None, typer.Option("--set", help="field=JSON in a good answer; repeatable.")] = None,
    drop: Annotated[list[str] | None, typer.Option(help="Field left out of a good answer; repeatable.")] = None,
    same_access_token: Annotated[bool, typer.Option(help="Answer with the living one.")] = False,  # noqa: FBT002
    no_rotation: Annotated[bool, typer.Option(help="The refresh token stays; none is answered.")] = False,  # noqa: FBT002
    scope: Annotated[str | None, typer.Option(help="The scope really granted.")] = None,
) -> None:
    """Make requests fail or be answered oddly."""
    fault = _fault({name: value for name, value in locals().items() if name != "context"})
    _print(_control(context).fail(fault).model_dump(mode="json", exclude_defaults=True))


@cli.command(name="names")
def known_names() -> None:
    """List the bad answers that `fail --named` knows."""
    print("\n".join(names()))


@cli.command()
def faults(context: typer.Context) -> None:
    """List the faults still open."""
    _print([order.model_dump(mode="json", exclude_defaults=True) for order in _control(context).faults()])


@cli.command()
def clear(
    context: typer.Context,
    order_id: Annotated[int | None, typer.Option("--id", help="One fault; default: all.")] = None,
) -> None:
    """Take faults back."""
    print(f"cleared {_control(context).clear(order_id)}")


@cli.command(name="set")
def change(
    context: typer.Context, realm: Realm, settings: Annotated[list[str], typer.Argument(help="setting=JSON")]
) -> None:
    """Change a realm, e.g. `set --realm strict access_token_life=60 refresh_token_life=600`."""
    pairs = (_pair(line, "=") for line in settings)
    _control(context).change_realm(realm, **{name: _json_or_text(value) for name, value in pairs})


@cli.command()
def revoke(
    context: typer.Context,
    realm: Realm,
    login: Annotated[str | None, typer.Option(help="Only this mailbox.")] = None,
    client_id: Annotated[str | None, typer.Option(help="Only this client.")] = None,
) -> None:
    """Act as if the user had removed the app's access."""
    print(f"revoked {_control(context).revoke(realm, login=login, client_id=client_id)} grants")


@cli.command()
def expire(
    context: typer.Context,
    realm: Realm,
    what: Annotated[str, typer.Option(help="access_tokens, refresh_tokens or all.")] = "all",
    login: Annotated[str | None, typer.Option(help="Only this mailbox.")] = None,
) -> None:
    """End the life of tokens now."""
    print(f"expired {_control(context).expire(realm, what, login=login)} tokens")


@cli.command()
def secret(
    context: typer.Context,
    client_id: str,
    new: Annotated[str, typer.Option(prompt=True, hide_input=True, help="The new client secret.")],
) -> None:
    """Replace a client's secret; the old one is refused from now on."""
    _control(context).replace_secrets(client_id, new)


@cli.command()
def grants(context: typer.Context, realm: AnyRealm = None) -> None:
    """List grants."""
    _print(_control(context).grants(realm))


@cli.command()
def journal(
    context: typer.Context,
    realm: AnyRealm = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only requests not yet answered.")] = False,  # noqa: FBT002
) -> None:
    """Show what was asked at the token endpoint."""
    entries = _control(context).journal(realm=realm, only_open=only_open)
    _print([{name: value for name, value in asdict(entry).items() if value is not None} for entry in entries])


@cli.command(name="verdict")
def judge(context: typer.Context, realm: AnyRealm = None) -> None:
    """Judge the clients by the journal: open requests, lost answers, refresh tokens spent twice."""
    _print(asdict(verdict(_control(context).journal(realm=realm))))


def _fault(options: dict[str, Any]) -> Fault:
    """The order that the options of `fail` spell; an option whose name Python keeps for itself ends in `_`."""
    given = {name.rstrip("_"): value for name, value in options.items() if value is not None}
    given["headers"] = dict(_pair(line, ":") for line in given.pop("header", ()))
    changes = (_pair(line, "=") for line in given.pop("set", ()))
    given["change"] = {name: _json_or_text(value) for name, value in changes}
    return Fault.model_validate(given)


def _control(context: typer.Context) -> ProviderControl:
    control: ProviderControl = context.obj
    return control


def _pair(line: str, separator: str) -> tuple[str, str]:
    name, found, value = line.partition(separator)
    if not found:
        raise typer.BadParameter(f"{line!r} is not of the form name{separator}value")
    return name.strip(), value.strip()


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _print(shown: Any) -> None:
    print(json.dumps(shown, indent=2))


def main() -> None:
    try:
        cli()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        sys.exit(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}")
    except ControlRefused as error:
        sys.exit(str(error))
    except requests.ConnectionError:
        sys.exit("no provider answers there; start it with `python -m devstack.provider` or give --url")


if __name__ == "__main__":
    main()
