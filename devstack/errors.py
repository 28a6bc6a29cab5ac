"""What can keep this machine from running the stack; every message is one line that ends with the cure."""


class DevstackError(Exception):
    """The stack cannot run here."""


class PartMissing(DevstackError):
    """A server's program is not on this machine and could not be fetched."""


class StartFailed(DevstackError):
    """A process ended, or was not ready in time."""


class PortTaken(DevstackError):
    """Another process listens on a port the stack needs."""
