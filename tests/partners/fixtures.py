"""Fixtures for whoever needs an authorization server: `provider`, `panva`, and `partner` for the contract suite."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from pydantic import SecretStr

from devstack.errors import PartMissing
from devstack.provider.server import ProviderThread
from devstack.provider.settings import (
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    MAIL_SERVER_ID,
    MAIL_SERVER_SECRET,
    ClientSettings,
    ProviderSettings,
    default_clients,
)
from tests.conftest import ENVIRONMENT, part_missing
from tests.partners import panva as certified
from tests.partners.assertion import public_keys
from tests.partners.panva import MODES, Mode, Panva
from tests.partners.partner import Clients, Partner, Traits

PUBLIC_CLIENT_ID = "demo-public"
STUB_CLIENTS = Clients(
    post=DEMO_CLIENT_ID,
    basic=DEMO_CLIENT_ID,
    public=PUBLIC_CLIENT_ID,
    secret=DEMO_CLIENT_SECRET,
    mail_server=MAIL_SERVER_ID,
    mail_server_secret=MAIL_SERVER_SECRET,
    daemon=DEMO_CLIENT_ID,
    signing=certified.SIGNING_CLIENT_ID,
)
PANVA_CLIENTS = Clients(
    post=certified.CLIENT_ID,
    basic=certified.BASIC_CLIENT_ID,
    public=certified.PUBLIC_CLIENT_ID,
    secret=certified.CLIENT_SECRET,
    mail_server=certified.MAIL_SERVER_ID,
    mail_server_secret=certified.MAIL_SERVER_SECRET,
    daemon="daemon",
    signing=certified.SIGNING_CLIENT_ID,
)
GOOGLE_OFFLINE = {"access_type": "offline", "prompt": "consent"}
STUB_TRAITS = {
    "google": Traits(
        rotation="none",
        advertises_iss=False,
        revocation="google",
        offline=GOOGLE_OFFLINE,
        scope="openid email mail.imap",
    ),
    "microsoft": Traits(rotation="keep_old", sends_iss=False, advertises_iss=False, revocation="none"),
    "strict": Traits(rotation="strict"),
    "grace": Traits(rotation="grace"),
}
PANVA_TRAITS: dict[Mode, Traits] = {
    "google": Traits(rotation="none"),
    "microsoft": Traits(rotation="keep_old"),
    "strict": Traits(rotation="strict"),
}


class PanvaServers:
    """One server per mode, started when first asked for."""

    def __init__(self, config: pytest.Config, factory: pytest.TempPathFactory) -> None:
        self._config = config
        self._factory = factory
        self._stack = ExitStack()
        self._running: dict[Mode, Panva] = {}

    def get(self, mode: Mode) -> Panva:
        if mode not in self._running:
            try:
                server = certified.start_panva(mode, self._factory.mktemp("panva"), ENVIRONMENT)
            except PartMissing as missing:
                part_missing(self._config, str(missing))
            self._stack.callback(server.child.stop)
            self._running[mode] = server
        return self._running[mode]

    def stop(self) -> None:
        self._stack.close()


@pytest.fixture(scope="session")
def panva_servers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PanvaServers]:
    """`.get("strict")` starts or finds the server of a mode."""
    servers = PanvaServers(request.config, tmp_path_factory)
    yield servers
    servers.stop()


@pytest.fixture(params=MODES)
def panva(request: pytest.FixtureRequest, panva_servers: PanvaServers) -> Panva:
    """The certified server in each of its modes: `.issuer`, `.discovery_url`, `.mode`."""
    return panva_servers.get(request.param)


@pytest.fixture
def provider() -> Iterator[ProviderThread]:
    """Our own provider, fresh: `.base_url`, `.issuer(realm)`, `.control` (faults, revoke, journal)."""
    with ProviderThread(provider_settings(), time.time) as running:
        yield running


@pytest.fixture(scope="session")
def shared_provider() -> Iterator[ProviderThread]:
    """Our own provider for tests that change nothing in it."""
    with ProviderThread(provider_settings(), time.time) as running:
        yield running


TRAITS = {
    **{f"stub:{realm}": traits for realm, traits in STUB_TRAITS.items()},
    **{f"panva:{mode}": traits for mode, traits in PANVA_TRAITS.items()},
}


def only_partners(fits: Callable[[Traits], bool]) -> pytest.MarkDecorator:
    """Run a test with those partners alone that follow the rule it is about."""
    names = [name for name, traits in TRAITS.items() if fits(traits)]
    return pytest.mark.parametrize("partner", names, indirect=True)


@pytest.fixture(params=list(TRAITS))
def partner(request: pytest.FixtureRequest) -> Partner:
    """Each realm of our provider and each mode of the certified one, behind the same calls."""
    kind, _, name = request.param.partition(":")
    if kind == "stub":
        running: ProviderThread = request.getfixturevalue("shared_provider")
        return Partner(request.param, running.issuer(name), STUB_CLIENTS, certified.REDIRECT_URI, TRAITS[request.param])
    servers: PanvaServers = request.getfixturevalue("panva_servers")
    return Partner(
        request.param, servers.get(name).issuer, PANVA_CLIENTS, certified.REDIRECT_URI, TRAITS[request.param]
    )


def provider_settings() -> ProviderSettings:
    """The built-in realms and clients, a public client, and one that signs."""
    more = (
        ClientSettings(client_id=PUBLIC_CLIENT_ID),
        ClientSettings(client_id=certified.SIGNING_CLIENT_ID, jwks=public_keys()),
    )
    return ProviderSettings(clients=(*default_clients(), *more))


def secret_client(client_id: str, secret: str) -> ClientSettings:
    return ClientSettings(client_id=client_id, secrets=(SecretStr(secret),))
