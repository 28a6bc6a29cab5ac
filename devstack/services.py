"""The table of what `make run` starts beside the servers. To add a process, add a line and a port in layout.py."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from devstack.layout import Layout
from devstack.processes import Service
from devstack.provider.settings import default_realms
from devstack.servers import KAFKA_SETTING, MONGO_SETTING, Servers

ALLOW_HOSTS_SETTING = "GRANTKEEPER_OAUTH2__ALLOW_HOSTS"
SERVICES = ("config_service", "refresher", "notifier", "console")


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything of this start is: what a line of the table may need."""

    layout: Layout
    servers: Servers
    allow_hosts: tuple[str, ...] = ()
    """host:port of providers that may be called besides the one that runs here."""


def support(layout: Layout) -> list[Service]:
    """What stands for the outside world: the provider, the mail server."""
    options = (f"--port={layout.port('provider')}", f"--data={layout.data / 'provider.db'}")
    discovery = f"{layout.url('provider')}/strict/.well-known/openid-configuration"
    return [_python("provider", "devstack.provider", *options, ready_url=discovery), _mail(layout)]


def _mail(layout: Layout) -> Service:
    """Mailboxes that open by an access token of any of the provider's realms."""
    options = [
        *(f"--provider-introspection={layout.url('provider')}/{realm}/introspect" for realm in default_realms()),
        f"--imap-port={layout.port('IMAP')}",
        f"--smtp-port={layout.port('SMTP')}",
        f"--pop3-port={layout.port('POP3')}",
    ]
    return Service("mail", (sys.executable, "-m", "devstack.mail", *options), ready_port=layout.port("IMAP"))


def services(places: Places) -> list[Service]:
    """The product's own processes."""
    return [
        _python(
            name,
            f"services.{name}",
            environment={**_common(places, name), **_own(places, name)},
            ready_url=f"{places.layout.url(f'{name} health')}/readyz",
        )
        for name in SERVICES
    ]


def _common(places: Places, name: str) -> dict[str, str]:
    return {
        KAFKA_SETTING: places.servers.bootstrap_servers,
        "GRANTKEEPER_KAFKA__GROUP_INSTANCE_ID": f"{name}-1",  # one process per name: a restart takes over in 0.1 s
        "GRANTKEEPER_HEALTH__PORT": str(places.layout.port(f"{name} health")),
    }


def _own(places: Places, name: str) -> dict[str, str]:
    layout = places.layout
    backend = {
        MONGO_SETTING: places.servers.mongo_uri,
        "GRANTKEEPER_RINGS__AUTH_FILE": str(layout.rings / "auth.ring.json"),
    }
    match name:
        case "config_service":
            return {
                **backend,
                "GRANTKEEPER_PRINCIPALS_FILE": str(layout.principals),
                "GRANTKEEPER_TEMPLATES_DIR": str(layout.templates),
            }
        case "refresher":
            return {
                **backend,
                "GRANTKEEPER_RINGS__VAULT_FILE": str(layout.rings / "vault.ring.json"),
                "GRANTKEEPER_PUBLIC_URL": layout.url("console"),
                ALLOW_HOSTS_SETTING: json.dumps([f"127.0.0.1:{layout.port('provider')}", *places.allow_hosts]),
            }
        case "notifier":
            return {**backend, "GRANTKEEPER_PUBLIC_URL": layout.url("console")}
        case _:
            return _console(layout)


def _console(layout: Layout) -> dict[str, str]:
    return {
        "GRANTKEEPER_PUBLIC_URL": layout.url("console"),
        "GRANTKEEPER_WEB__PORT": str(layout.port("console")),
        "GRANTKEEPER_CREDENTIAL_FILE": str(layout.credential("console")),
        "GRANTKEEPER_USERS_FILE": str(layout.users),
        "GRANTKEEPER_SESSION_KEY_FILE": str(layout.session_key),
    }


def _python(
    name: str, module: str, *arguments: str, environment: Mapping[str, str] | None = None, ready_url: str
) -> Service:
    return Service(name, (sys.executable, "-m", module, *arguments), environment or {}, ready_url)
