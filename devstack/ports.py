"""Ports: free ones for tests, fixed ones for a person, and one clear line when one is taken."""

import random
import socket

from devstack.errors import PortTaken
from devstack.layout import PORT_SETTING, Layout

HOST = "127.0.0.1"
# Below the range from which Linux takes ports for outgoing connections, so that no client grabs one before its server.
LOWEST, HIGHEST = 20_000, 32_000


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on now."""
    chance = random.SystemRandom()
    found: set[int] = set()
    while len(found) < count:
        port = chance.randrange(LOWEST, HIGHEST)
        if is_free(port):
            found.add(port)
    return sorted(found)


def require_free(port: int, purpose: str, layout: Layout) -> None:
    """Raise PortTaken naming the port, what it is for and the setting that moves it."""
    if not is_free(port):
        other = layout.port_base + 1000
        raise PortTaken(f"port {port} ({purpose}) is taken; move all ports: {PORT_SETTING}={other} make run")
