"""The turn that tells the channels: after storing, at least once, each channel for itself, like things together."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from grantkeeper.process.clock import Clock, Ids
from services.notifier.channels import Channel
from services.notifier.domain import Told
from services.notifier.messages import notice
from services.notifier.store import TELL_LEASE, NotificationStore, Telling

Alike = tuple[Told, str, str, frozenset[str]]


class TellChannels:
    """One turn after another; a claim keeps two processes from telling the same."""

    def __init__(
        self,
        store: NotificationStore,
        channels: Sequence[Channel],
        *,
        public_url: str,
        digest_from: int,
        interval: float,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._store = store
        self._channels = channels
        self._public_url = public_url
        self._digest_from = digest_from
        self._interval = interval
        self._clock = clock
        self._ids = ids

    async def turn(self) -> float:
        """Tell what is due; return the seconds to wait."""
        if not self._channels:
            await self._store.drop_tellings(self._clock.now())
            return self._interval
        token, begun = self._ids.token(16), self._clock.monotonic()
        for group in self._groups(await self._store.claim_tellings(token, self._clock.now())):
            if self._clock.monotonic() - begun > TELL_LEASE.total_seconds() / 2:
                break  # a slow channel: what is left is claimed again when the lease is over
            current = await self._store.unchanged(group, token)  # others may have taken long to tell
            if current:
                await self._tell(current, token)
        return self._interval

    def _groups(self, claimed: Iterable[Telling]) -> Iterable[Sequence[Telling]]:
        """Put together what has one cause for many; a few are told one by one."""
        alike: Mapping[Alike, list[Telling]] = defaultdict(list)
        for one in claimed:
            alike[one.told, one.notification.kind, one.notification.cure_id, one.done].append(one)
        for group in alike.values():
            if len(group) >= self._digest_from:
                yield group
            else:
                yield from ([one] for one in group)

    async def _tell(self, group: Sequence[Telling], token: str) -> None:
        first = group[0]
        text = notice(first.told, [one.notification for one in group], self._public_url)
        done = set(first.done)
        for channel in self._channels:
            if channel.name not in done and await channel.send(text):
                done.add(channel.name)
        complete = done >= {channel.name for channel in self._channels}
        for one in group:
            await self._store.told(one, token, frozenset(done), self._clock.now(), complete=complete)
