"""Every error this library raises, grouped by what the caller does next.

GrantkeeperError
|-- MalformedMessage    a record that is not a message: a service makes it a dead letter
|-- SealError           a sealed secret that does not open here: type the secret again
|-- CredentialError     the credential file is missing, open to others, or damaged: mint a new one
|-- SaslError           a login or token that would break out of the SASL message: do not send it
|-- ReplyError          a service answered with an error: `retryable` says whether to try again
`-- NoReply             nobody answered before the deadline: try again later, and see the hint
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

MalformedReason = Literal["malformed_envelope", "malformed_signature", "too_large"]

SealReason = Literal["secret_unreadable", "secret_bound_elsewhere"]


class GrantkeeperError(Exception):
    """Something went wrong between this program and Grantkeeper."""


class MalformedMessage(GrantkeeperError):
    """A Kafka record that is not a CloudEvent as the contract wants it.

    `reason` is a fixed word, `detail` one sentence that never quotes the record: a header or body
    of a bad message may hold a secret.
    """

    def __init__(self, reason: MalformedReason, detail: str) -> None:
        """Keep both apart, so that a dead letter can carry the reason alone."""
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class SealError(GrantkeeperError):
    """A sealed secret cannot be opened here.

    `secret_unreadable`: other key, damaged, or not sealed at all.
    `secret_bound_elsewhere`: intact, but sealed for another use, client, host or config.
    """

    def __init__(self, reason: SealReason, detail: str) -> None:
        """Keep the reason: states and findings are keyed on it."""
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class CredentialError(GrantkeeperError):
    """A credential or ring file cannot be used; the message names the file and the cure."""


class SaslError(GrantkeeperError, ValueError):
    """A user name, host or access token holds a character that would end its SASL field."""


class ReplyError(GrantkeeperError):
    """A service understood the message and answered with an error.

    `code` is a fixed word, `retry_after` seconds or None, `details` one object for each thing that is wrong (field,
    line, column, problem, cure), `facts` what a program needs to go on, such as the current revision.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool = False,
        retry_after: float | None = None,
        details: Sequence[Mapping[str, Any]] = (),
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Carry the reply's error object, field by field."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retryable = retryable
        self.retry_after = retry_after
        self.details = tuple(details)
        self.facts: Mapping[str, Any] = facts or {}


class NoReply(GrantkeeperError):
    """No service answered before the deadline.

    Either none is running, or the message was refused without an answer: one that is malformed or
    wrongly signed becomes a dead letter, and a dead letter gets no reply.
    """
