"""The directory of principals in each process: a tail of the compacted topic, signed by config_service alone."""

from pydantic import ValidationError

from grantkeeper.bus.admission import Unattributed, prove_envelope
from grantkeeper.bus.messages import details_of
from grantkeeper.bus.received import Place, Principal
from grantkeeper.bus.tail import Tail
from grantkeeper.crypto.ring import AuthRing
from grantkeeper.process.clock import Clock
from grantkeeper.process.logging import get_logger
from grantkeeper.process.settings import KafkaSettings
from grantkeeper_client import Envelope
from schemas.principals import PrincipalChanged
from schemas.topics import PRINCIPALS

log = get_logger(__name__)

_SENDER = "@config_service"


class PrincipalDirectory:
    """Who is registered; a part of the process (start, stop, problems).

    `start` returns when the topic was read to its end, so that no request is refused only because a process is young.
    """

    def __init__(self, settings: KafkaSettings, ring: AuthRing, *, service: str, clock: Clock) -> None:
        self._ring = ring
        self._tail = Tail(settings, PRINCIPALS, self._on_message, service=service, clock=clock)
        self._principals: dict[str, Principal] = {}
        self._sequences: dict[str, int] = {}

    async def start(self) -> None:
        """Read to the end, then follow."""
        await self._tail.start()
        await self._tail.ready()

    async def stop(self) -> None:
        """Stop following."""
        await self._tail.stop()

    async def ready(self) -> None:
        """Return when the topic was read to the end."""
        await self._tail.ready()

    def problems(self) -> list[str]:
        """Say whether it follows."""
        return self._tail.problems()

    def get(self, principal: str) -> Principal | None:
        """Return a principal, or None where it is not (yet) known here."""
        return self._principals.get(principal)

    async def _on_message(self, envelope: Envelope, place: Place) -> None:
        proved = prove_envelope(envelope, self._ring, place)
        if isinstance(proved, Unattributed) or proved.signer != _SENDER:
            log.warning("principal ignored: not signed by config_service", offset=place.offset)
        elif envelope.value is None:
            self._forget(envelope.key)
        elif envelope.type == PrincipalChanged.TYPE:
            self._learn(envelope.value, place)

    def _forget(self, key: bytes | None) -> None:
        self._principals.pop((key or b"").decode(), None)

    def _learn(self, value: bytes, place: Place) -> None:
        try:
            change = PrincipalChanged.read(value)
        except ValidationError as error:
            fields = [detail.field for detail in details_of(error)]
            log.error("principal ignored: its value does not fit", offset=place.offset, fields=fields)  # noqa: TRY400 - the trace says no more
            return
        if change.sequence < self._sequences.get(change.principal, 0):
            return
        self._sequences[change.principal] = change.sequence
        self._principals[change.principal] = Principal(
            id=change.principal,
            role=change.role,
            version=change.version,
            disabled=change.disabled,
            acts_for_users=change.acts_for_users,
            configs=None if change.configs is None else frozenset(change.configs),
        )
