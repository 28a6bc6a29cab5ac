"""Every word that outsiders key on: states, error codes, dead letter reasons, notification kinds, findings.

Adding one is a compatible change, renaming or removing one is not.
"""

from typing import Final, Literal, get_args

DeadLetterReason = Literal[
    "malformed_envelope",
    "malformed_signature",
    "unsigned",
    "unknown_ring",
    "wrong_signature",
    "wrong_sender",
    "unknown_type",
    "malformed_value",
    "too_large",
    "handler_failed",
]
"""Why a message could not be taken. `wrong_sender`: signed well, but by one who never sends on this topic;
`handler_failed`: nothing is wrong with it as far as could be seen, a mistake in the service met it."""

ErrorCode = Literal[
    # the sender
    "not_caught_up",
    "principal_disabled",
    "not_permitted",
    "deadline_exceeded",
    "id_reused",
    # the message
    "malformed",
    "unknown_type",
    "invalid_field",
    "plain_secret",
    # the subject
    "not_found",
    "name_taken",
    "revision_conflict",
    "generation_conflict",
    "template_unknown",
    "deleted",
    # the grant
    "off",
    "not_authorized",
    "reauthorization_required",
    "revoked",
    "client_fault",
    "refresh_failed",
    "retry_later",
    "authorization_failed",
    "state_unknown",
    "secret_unreadable",
    "stopped",
    # us
    "internal_error",
]

RETRYABLE: Final[frozenset[str]] = frozenset({"not_caught_up", "retry_later", "refresh_failed"})
"""Codes after which the same question may well be answered."""

PublicState = Literal[
    "not_authorized",
    "authorizing",
    "active",
    "retrying",
    "expired",
    "reauthorization_required",
    "client_fault",
    "off",
    "revoked",
]
"""Computed from grant, access token, client and validity; first match wins (refresher/domain)."""

EngineHold = Literal["another_cluster"]
"""Why the engine sends nothing by itself: its database met another Kafka cluster than before (a clone, a restore)."""

AttemptClass = Literal[
    "success", "transient", "transient_alarm", "ambiguous", "client_fault", "reauthorization", "policy", "config_fault"
]
"""What an answer of a token endpoint means (provider_errors.yaml)."""

FaultScope = Literal["provider", "client", "config", "grant"]
"""Whom a fault concerns: it decides how many notices it is worth."""

NotificationKind = Literal[
    "expired_token",
    "expired_refresh_token",
    "never_authorized",
    "client_fault",
    "client_secret_ends",
    "client_secret_refused",
    "refresh_token_ends",
    "testing_mode_app",
    "lost_rotation",
    "refreshing_fails",
    "quarantined_refresh_token",
    "shared_refresh_token",
    "wrong_account",
    "config_fault",
    "engine_stopped",
    "another_cluster",
]
NotificationState = Literal["open", "reminded", "acknowledged", "resolved"]
Severity = Literal["red", "yellow"]
"""red = needs a human now, yellow = ends soon or needs a look."""

DEAD_LETTER_REASONS: Final = get_args(DeadLetterReason)
ERROR_CODES: Final = get_args(ErrorCode)
PUBLIC_STATES: Final = get_args(PublicState)
NOTIFICATION_KINDS: Final = get_args(NotificationKind)
