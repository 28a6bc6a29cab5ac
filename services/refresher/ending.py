"""The ends of a grant by command: revoked, at the provider as far as it can, or purged with its config."""

from typing import Literal

from grantkeeper.bus.publish import Publisher
from grantkeeper.bus.reply import success
from grantkeeper.oauth2.errors import Failure
from grantkeeper.process.clock import Ids
from grantkeeper.process.logging import get_logger
from schemas.replies import Reply
from schemas.token_events import TokenChanged
from schemas.token_requests import Revoked
from services.refresher.announce import status_of
from services.refresher.answers import refusal
from services.refresher.domain.grant import revoked
from services.refresher.domain.record import Record, Wish
from services.refresher.domain.serving import Refuse
from services.refresher.provider_calls import ProviderCalls
from services.refresher.store import GrantStore
from services.refresher.storing import Ending, Storing
from services.refresher.telling import Telling

log = get_logger(__name__)

AtProvider = Literal["revoked", "no_endpoint", "failed"]


class GrantEnding:
    """Revokes and purges."""

    def __init__(
        self,
        store: GrantStore,
        calls: ProviderCalls,
        storing: Storing,
        telling: Telling,
        publisher: Publisher,
        ids: Ids,
    ) -> None:
        self._store = store
        self._calls = calls
        self._storing = storing
        self._telling = telling
        self._publisher = publisher
        self._ids = ids

    async def revoke(self, claimed: Record, wish: Wish, send_by: float) -> None:
        """End the grant here in any case; the answer says what the provider did; raises TooLate."""
        if wish.generation != claimed.grant.generation:
            await self._refuse(claimed, wish)
            return
        at_provider, note = await self._at_provider(claimed, send_by)
        ending = Ending(lambda record, _: revoked(record), "revoked", wish=wish.id, actor=wish.actor)
        written = await self._storing.end(claimed, ending)
        if written is None:
            return
        await self._telling.ended(written, failed=True)
        result = Revoked(status=status_of(written.record), at_provider=at_provider, note=note)
        await self._tell(written.before, wish, success(result.model_dump(mode="json", exclude_none=True)))

    async def purge(self, claimed: Record, send_by: float) -> None:
        """Forget a record whose config is gone: revoke as far as possible, tombstone, remove.

        The tombstone goes out before the document: a crash in between repeats both. Raises TooLate.
        """
        at_provider, _ = await self._at_provider(claimed, send_by)
        log.info("purged", config_id=claimed.config_id, at_provider=at_provider)
        tombstone = self._publisher.tombstone(
            TokenChanged, id=self._ids.uuid7(), time=self._store.time.now(), key=claimed.config_id
        )
        await self._publisher.publish_many([tombstone])
        await self._store.remove(claimed)

    async def _at_provider(self, claimed: Record, send_by: float) -> tuple[AtProvider, str]:
        if claimed.grant.refresh_token is None and claimed.grant.access_token is None:
            return "no_endpoint", "There was nothing to revoke."
        outcome = await self._calls.revoke(claimed, send_by)
        if isinstance(outcome, Failure):
            return "failed", f"The provider did not revoke it: {outcome.text}"
        if outcome:
            return "revoked", ""
        return "no_endpoint", "The provider offers no revocation: end the access in the account's own settings there."

    async def _refuse(self, claimed: Record, wish: Wish) -> None:
        written = await self._storing.end(claimed, Ending(lambda record, _: record, "config_changed", wish=wish.id))
        text = f"the grant is at generation {claimed.grant.generation} meanwhile: look again, then repeat"
        if written is not None:
            await self._telling.ended(written)
            await self._tell(written.before, wish, refusal(Refuse("generation_conflict", text)))

    async def _tell(self, before: Record, wish: Wish, reply: Reply) -> None:
        askers = next((found.askers for found in before.wishes if found.id == wish.id), wish.askers)
        await self._telling.tell(askers, reply)
