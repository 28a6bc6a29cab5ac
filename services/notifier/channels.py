"""The channels that people read elsewhere: e-mail, chat and others, one Apprise URL each.

Their URLs hold passwords: a channel is named by the kind of its URL and a number, everywhere. Apprise is loaded only
where a channel is set up: it costs 20 MiB and half a second.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from grantkeeper.process.logging import get_logger
from grantkeeper.process.metrics import Metrics
from grantkeeper.process.settings import SettingsError
from services.notifier.messages import Notice

if TYPE_CHECKING:
    from apprise import Apprise

log = get_logger(__name__)

SETTING: Final = "GRANTKEEPER_CHANNELS__URLS"
WITHIN: Final = 30.0
"""Seconds for one notice on one channel; below the lease of a telling."""


class Channel(Protocol):
    """Something that can tell people."""

    @property
    def name(self) -> str: ...
    async def send(self, notice: Notice) -> bool:
        """Tell whether the notice was taken."""
        ...


@dataclass(frozen=True, slots=True)
class AppriseChannel:
    """One Apprise URL."""

    name: str
    _apprise: "Apprise" = field(repr=False)
    _metrics: Metrics = field(repr=False)

    async def send(self, notice: Notice) -> bool:
        """Send as plain text; a failure is logged without the URL, and False."""
        try:
            taken = await asyncio.wait_for(
                self._apprise.async_notify(title=notice.title, body=notice.body, body_format="text"), WITHIN
            )
        except TimeoutError:
            taken = None
        if not taken:
            log.warning("channel did not take a notice, will be tried again", channel=self.name)
        kind = self.name.partition("-")[0]
        self._metrics.count("channel_deliveries", channel=kind, outcome="sent" if taken else "failed")
        return bool(taken)


def open_channels(urls: str | None, metrics: Metrics) -> Sequence[Channel]:
    """Make the channels; raises SettingsError that names the place of a URL that Apprise does not take."""
    if not (urls or "").split():
        return ()
    from apprise import Apprise  # noqa: PLC0415 - see above

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its warnings may quote what a server answered
    channels = []
    for number, url in enumerate((urls or "").split(), start=1):
        apprise = Apprise()
        if not apprise.add(url):
            raise SettingsError(f"{SETTING}: URL {number} is none that Apprise knows: correct it (its wiki lists them)")
        kind = url.partition(":")[0]
        channels.append(AppriseChannel(f"{kind}-{number}", apprise, metrics))
    return channels
