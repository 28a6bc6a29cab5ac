"""The three services as processes around a test's Kafka and MongoDB, and `grantkeeper` beside them."""

import io
import json
import secrets
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from devstack.child import Child
from devstack.login import log_in
from devstack.ports import free_ports
from devstack.provider.server import ProviderThread
from devstack.provider.settings import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET
from grantkeeper.cli.__main__ import main
from tests.partners.fixtures import provider_settings

if TYPE_CHECKING:
    from tests.servers import KafkaServer, MongoServer

CLIENT_ID, CLIENT_SECRET = DEMO_CLIENT_ID, DEMO_CLIENT_SECRET
READY_DEADLINE = 60.0
PRINCIPALS = "- {principal: admin, role: admin}\n- {principal: mail, role: mail}\n- {principal: viewer, role: viewer}\n"
TEMPLATE = """\
Name: Example provider
Config:
  AuthFlow: AuthorizationCode
  Scope: openid email mail.imap offline_access
  Requests:
    AuthorizationCode:
      Request:
        URL: ISSUER/authorize
        Parameters: {response_type: code, access_type: offline, prompt: consent}
        AutofilledParametersMapping: {client_id: ClientID, redirect_uri: RedirectURL, scope: Scope, state: State}
      Response:
        ParametersMapping: {code: AuthorizationCode, state: State}
    TokenByAuthorizationCode:
      Request:
        URL: ISSUER/token
        Parameters: {grant_type: authorization_code}
        AutofilledParametersMapping:
          {client_id: ClientID, client_secret: ClientSecret, code: AuthorizationCode, redirect_uri: RedirectURL}
      Response:
        ParametersMapping: {access_token: Token, expires_in: TokenExpirationDate, refresh_token: RefreshToken}
    TokenByRefreshToken:
      Request:
        URL: ISSUER/token
        Parameters: {grant_type: refresh_token}
        AutofilledParametersMapping:
          {client_id: ClientID, client_secret: ClientSecret, refresh_token: RefreshToken, scope: Scope}
      Response:
        ParametersMapping: {access_token: Token, expires_in: TokenExpirationDate, refresh_token: RefreshToken}
  Grantkeeper: {DeviceAuthorizationEndpoint: ISSUER/device_authorization}
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """What one run of `grantkeeper` came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The result of a command with `-o json`."""
        assert self.code == 0, self
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Installation:
    """One installation, running; `run` is the command line as a principal."""

    folder: Path
    bootstrap_servers: str
    prefix: str
    provider: ProviderThread
    services: list[Child] = field(default_factory=list)

    def credential(self, principal: str) -> Path:
        return self.folder / f"{principal}.json"

    def run(self, *arguments: str, principal: str = "admin", given: str = "") -> Ran:
        """Run `grantkeeper`; `given` is its standard input."""
        ran = run("--credential", str(self.credential(principal)), *arguments, given=given)
        assert CLIENT_SECRET not in ran.out + ran.err, "no command ever prints a secret"
        return ran

    def authorize(self, name: str, login: str = "alice@example.test") -> Ran:
        """Log in as a person on another machine does."""
        started = self.run("authorization", "start", name)
        assert started.code == 0, started
        redirect_url = log_in(started.out.strip(), login=login)
        return self.run("authorization", "complete", name, "--file", "-", given=redirect_url + "\n")

    def create(self, name: str, *more: str) -> str:
        """Make a token config of the example provider and return its id."""
        made = self.run(
            *("config", "create", name, "--template", "example", "--client-id", CLIENT_ID),
            *("--secret-file", "-", "-o", "json", *more),
            given=CLIENT_SECRET,
        )
        return str(made.json["config_id"])


def run(*arguments: str, given: str = "") -> Ran:
    """Run `grantkeeper` in this process: a test of many commands need not import the program as often."""
    out, err = io.StringIO(), io.StringIO()
    before, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(given.encode()))
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main(list(arguments))
    except SystemExit as ended:
        return Ran(int(ended.code or 0), out.getvalue(), err.getvalue())
    finally:
        sys.stdin = before
    raise AssertionError("a command line ends with an exit code")


@contextmanager
def installation(kafka: "KafkaServer", mongo: "MongoServer", folder: Path) -> Iterator[Installation]:
    """Everything up to the first command, as an operator would do it by `grantkeeper` itself."""
    with ExitStack() as stack:
        provider = stack.enter_context(ProviderThread(provider_settings(), time.time))
        prefix, database = f"t{secrets.token_hex(4)}.", f"test_{secrets.token_hex(6)}"
        stack.callback(kafka.delete_topics, prefix)
        stack.callback(mongo.drop, database)
        one = Installation(folder, kafka.bootstrap_servers, prefix, provider)
        _write_files(one)
        settings = _settings(one, mongo.uri, database)
        for name in ("config_service", "refresher", "notifier"):
            stack.enter_context(_running(one, name, settings))
        yield one


def _write_files(one: Installation) -> None:
    assert run("rings", "make", str(one.folder / "rings")).code == 0
    for principal in ("admin", "mail", "viewer"):
        minted = run(
            *("principals", "mint", principal, "--rings", str(one.folder / "rings"), "--prefix", one.prefix),
            *("--bootstrap-servers", one.bootstrap_servers, "--file", str(one.credential(principal))),
        )
        assert minted.code == 0, minted
    (one.folder / "principals.yaml").write_text(PRINCIPALS, encoding="utf-8")
    (one.folder / "templates").mkdir()
    template = TEMPLATE.replace("ISSUER", f"{one.provider.base_url}/strict")
    (one.folder / "templates" / "example.yaml").write_text(template, encoding="utf-8")


def _settings(one: Installation, uri: str, database: str) -> dict[str, str]:
    return {
        "GRANTKEEPER_KAFKA__BOOTSTRAP_SERVERS": one.bootstrap_servers,
        "GRANTKEEPER_KAFKA__PREFIX": one.prefix,
        "GRANTKEEPER_KAFKA__PARTITIONS": "2",
        "GRANTKEEPER_MONGO__URI": uri,
        "GRANTKEEPER_MONGO__DATABASE": database,
        "GRANTKEEPER_RINGS__AUTH_FILE": str(one.folder / "rings" / "auth.ring.json"),
    }


def _own_settings(one: Installation, name: str) -> Mapping[str, str]:
    public_url = {"GRANTKEEPER_PUBLIC_URL": "http://127.0.0.1:19000"}
    match name:
        case "config_service":
            return {
                "GRANTKEEPER_PRINCIPALS_FILE": str(one.folder / "principals.yaml"),
                "GRANTKEEPER_TEMPLATES_DIR": str(one.folder / "templates"),
            }
        case "refresher":
            return {
                **public_url,
                "GRANTKEEPER_RINGS__VAULT_FILE": str(one.folder / "rings" / "vault.ring.json"),
                "GRANTKEEPER_OAUTH2__ALLOW_HOSTS": json.dumps([one.provider.base_url.removeprefix("http://")]),
            }
        case _:
            return public_url


@contextmanager
def _running(one: Installation, name: str, settings: Mapping[str, str]) -> Iterator[Child]:
    [port] = free_ports(1)
    own = {**settings, **_own_settings(one, name), "GRANTKEEPER_HEALTH__PORT": str(port)}
    command = [sys.executable, "-m", f"services.{name}"]
    child = Child(name, command, log=one.folder / f"{name}.log", environment=own)
    child.start()
    one.services.append(child)
    try:
        child.wait_until_ready(lambda: _is_ready(port), READY_DEADLINE)
        yield child
    finally:
        child.stop()


def _is_ready(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/readyz", timeout=2).ok
    except requests.ConnectionError:
        return False
