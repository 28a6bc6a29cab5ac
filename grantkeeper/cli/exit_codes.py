"""What the command line tells the shell, in the words of sysexits.h. Scripts key on it: numbers never change.

| code | means |
|---|---|
| 0 | done |
| 64 | the command was not understood |
| 65 | what was given is wrong, or somebody was faster: a field, a file, a revision |
| 66 | an input file cannot be read |
| 67 | there is no such token, principal, template or notification |
| 69 | the token cannot be had: it needs a person (log in, new client secret, switched off) |
| 70 | a fault in Grantkeeper |
| 73 | an output file exists or cannot be written |
| 75 | try again: nobody answered, or not yet |
| 77 | this principal may not do it |
| 78 | the credential file or a setting cannot be used |
| 130 | interrupted |
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

OK: Final = 0
USAGE: Final = 64
DATA: Final = 65
NO_INPUT: Final = 66
UNKNOWN: Final = 67
UNAVAILABLE: Final = 69
SOFTWARE: Final = 70
CANNOT_CREATE: Final = 73
TRY_AGAIN: Final = 75
NOT_PERMITTED: Final = 77
CONFIGURATION: Final = 78
INTERRUPTED: Final = 130

BY_ERROR_CODE: Final[Mapping[str, int]] = MappingProxyType(
    {
        "not_caught_up": TRY_AGAIN,
        "principal_disabled": NOT_PERMITTED,
        "not_permitted": NOT_PERMITTED,
        "deadline_exceeded": TRY_AGAIN,
        "id_reused": SOFTWARE,
        "malformed": SOFTWARE,
        "unknown_type": SOFTWARE,
        "invalid_field": DATA,
        "plain_secret": DATA,
        "not_found": UNKNOWN,
        "name_taken": DATA,
        "revision_conflict": DATA,
        "generation_conflict": DATA,
        "template_unknown": UNKNOWN,
        "deleted": UNKNOWN,
        "off": UNAVAILABLE,
        "not_authorized": UNAVAILABLE,
        "reauthorization_required": UNAVAILABLE,
        "revoked": UNAVAILABLE,
        "client_fault": UNAVAILABLE,
        "refresh_failed": TRY_AGAIN,
        "retry_later": TRY_AGAIN,
        "authorization_failed": UNAVAILABLE,
        "state_unknown": DATA,
        "secret_unreadable": UNAVAILABLE,
        "stopped": UNAVAILABLE,
        "internal_error": SOFTWARE,
    }
)


def of_error(code: str, *, retryable: bool) -> int:
    """Return the exit code of a service's error; one that this version does not know goes by `retryable`."""
    return BY_ERROR_CODE.get(code, TRY_AGAIN if retryable else UNAVAILABLE)
