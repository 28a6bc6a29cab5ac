"""What the pages of mail modules and of the system may have to show. All made up."""

from datetime import timedelta
from typing import Any

from grantkeeper.bus.lag import Lag
from grantkeeper_client import Envelope
from schemas.config_results import PrincipalPage, PrincipalView
from schemas.dead_letters import DeadLetter
from schemas.principals import PrincipalChanged
from schemas.token_requests import EngineClient, EngineStatus
from tests.console_samples import CLIENT, NOW, config_id


def principal(name: str = "mail-1", **changes: Any) -> PrincipalChanged:
    """A mail module that may get every token."""
    values: dict[str, Any] = {
        "principal": name,
        "role": "mail",
        "version": 1,
        "description": "Help desk, mail fetcher",
        "sequence": 1,
        **changes,
    }
    return PrincipalChanged(**values)


def principals(*more: PrincipalChanged) -> PrincipalPage:
    """Two mail modules, one of them shut out, and three others."""
    some = (config_id(1), config_id(3))
    return PrincipalPage(
        principals=(
            *more,
            principal("admin", role="admin", description="The command line"),
            principal("console", role="admin", acts_for_users=True, description="The web console"),
            principal("mail-1"),
            principal("mail-2", configs=some, version=3, description="Orders' own fetcher"),
            principal("mail-old", disabled=True, description=""),
            principal("monitoring", role="viewer", description="Graphs"),
        )
    )


def registered(name: str = "mail-1", **changes: Any) -> PrincipalView:
    """The answer to a command on one principal."""
    return PrincipalView(principal=principal(name, **changes))


def engine_client(**changes: Any) -> EngineClient:
    """A client that works."""
    values: dict[str, Any] = {
        "client": CLIENT,
        "client_id": "client-1",
        "server": "https://oauth2.googleapis.com/token",
        "tokens": 120,
        **changes,
    }
    return EngineClient(**values)


def engine(**changes: Any) -> EngineStatus:
    """An engine that runs, with a client in each kind of trouble."""
    refused = {
        "client_id": "contoso-mail",
        "server": "https://login.microsoftonline.com/contoso/oauth2/v2.0/token",
        "tokens": 41,
        "fault": "client_fault",
        "code": "invalid_client",
        "text": "invalid_client (error code 7000222): the provided client secret keys are expired",
        "cure_id": "entra-secret-ended",
        "cure": "Make a new secret.",
        "candidate_secret": True,
        "secret_ends_at": (NOW - timedelta(days=1)).date(),
    }
    values: dict[str, Any] = {
        "stopped": False,
        "due_now": 17,
        "overdue_seconds": 95.0,
        "in_flight": 6,
        "clients": (
            engine_client(**refused),
            engine_client(client_id="silent", tokens=3, breaker_until=NOW + timedelta(seconds=40)),
            engine_client(client_id="busy", tokens=8, held_until=NOW + timedelta(minutes=4)),
            engine_client(),
        ),
        **changes,
    }
    return EngineStatus(**values)


def stopped() -> EngineStatus:
    """An engine that somebody stopped."""
    return engine(stopped=True, stopped_by="anna", stopped_at=NOW - timedelta(minutes=12), clients=())


def held() -> EngineStatus:
    """An engine whose database met another Kafka cluster."""
    return engine(held="another_cluster", clients=())


def lags() -> list[Lag]:
    """How far each service is behind; one of them does not run."""
    return [
        Lag("config_service", "config.commands", 0, 1),
        Lag("refresher", "config.events", 0, 2),
        Lag("refresher", "token.requests", 12, 2),
        Lag("notifier", "expiry.events", 340, 0),
        Lag("notifier", "notification.commands", 1, 0),
    ]


def letter(offset: int = 4711, **changes: Any) -> DeadLetter:
    """One message that was given up."""
    values: dict[str, Any] = {
        "topic": "grantkeeper.token.requests",
        "partition": 3,
        "offset": offset,
        "reason": "wrong_signature",
        "detail": "signer mail-2, key version 1",
        "service": "refresher",
        "at": NOW - timedelta(minutes=offset % 60),
        **changes,
    }
    return DeadLetter(**values)


def letter_event(one: DeadLetter) -> Envelope:
    """A dead letter as the topic carries it."""
    return Envelope(
        topic="t",
        key=one.topic.encode(),
        id=str(one.offset),
        type=DeadLetter.TYPE,
        source=f"/services/{one.service}",
        time=one.at,
        value=one.model_dump_json().encode(),
    )
