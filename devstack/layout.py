"""Where the stack of one checkout lives: its data folder and its ports, all derived from two settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devstack.errors import DevstackError

DATA_SETTING, PORT_SETTING = "GRANTKEEPER_DATA", "PORT_BASE"
DEFAULT_PORT_BASE = 19_000
# Purpose -> distance from PORT_BASE. What a person opens in a browser comes first.
OFFSETS = {
    "console": 0,
    "Kafka": 10,
    "Kafka controller": 11,
    "MongoDB": 12,
    "provider": 20,
    "IMAP": 30,
    "SMTP": 31,
    "POP3": 32,
    "config_service health": 40,
    "refresher health": 41,
    "notifier health": 42,
    "console health": 43,
}


@dataclass(frozen=True, slots=True)
class Layout:
    """The data folder and the ports of one stack."""

    data: Path
    port_base: int = DEFAULT_PORT_BASE

    def port(self, purpose: str) -> int:
        return self.port_base + OFFSETS[purpose]

    def url(self, purpose: str) -> str:
        return f"http://127.0.0.1:{self.port(purpose)}"

    @property
    def rings(self) -> Path:
        return self.data / "rings"

    @property
    def principals(self) -> Path:
        """The list of principals that config_service inserts at start."""
        return self.data / "principals.yaml"

    @property
    def templates(self) -> Path:
        """The product's templates and this stack's own, as config_service reads them."""
        return self.data / "templates"

    @property
    def users(self) -> Path:
        """The console's users."""
        return self.data / "console-users"

    @property
    def console_password(self) -> Path:
        """The password of the console's user, made at the first start."""
        return self.data / "console-password"

    @property
    def session_key(self) -> Path:
        """The key of the console's session cookies."""
        return self.data / "console-session.key"

    def credential(self, principal: str) -> Path:
        """The credential file of one of the principals that the stack makes."""
        return self.data / "credentials" / f"{principal}.json"


def read_layout(environment: Mapping[str, str], checkout: Path) -> Layout:
    """The layout that the environment asks for; raise DevstackError naming the setting that is wrong."""
    data = Path(environment.get(DATA_SETTING) or checkout / ".devstack").expanduser().resolve()
    text = environment.get(PORT_SETTING) or str(DEFAULT_PORT_BASE)
    highest = 65_535 - max(OFFSETS.values())
    if not text.isdecimal() or not 1024 <= int(text) <= highest:  # noqa: PLR2004 - below 1024 a port needs root
        raise DevstackError(f"{PORT_SETTING}={text} is no port base; use a number from 1024 to {highest}")
    return Layout(data, int(text))
