"""What a command may end with besides the library's errors, each with its exit code.

CommandError
|-- WrongData          what was given is wrong
|-- NotThere           it was asked for something that does not exist
|-- InputFileError     a file cannot be read
|-- OutputFileError    a file exists or cannot be written
|-- LoginFailed        a login ended without a grant
`-- ContractBroken     a service answered what the contract does not know: it is of another version
"""

from typing import ClassVar

from grantkeeper.cli import exit_codes


class CommandError(Exception):
    """A command ends here; the message is for the person."""

    exit_code: ClassVar[int] = exit_codes.SOFTWARE


class WrongData(CommandError):
    """What was given is wrong; the message names it and the cure."""

    exit_code = exit_codes.DATA


class NotThere(CommandError):
    """It was asked for something that does not exist."""

    exit_code = exit_codes.UNKNOWN


class InputFileError(CommandError):
    """A file cannot be read; the message names it."""

    exit_code = exit_codes.NO_INPUT


class OutputFileError(CommandError):
    """A file exists or cannot be written; the message names it and the cure."""

    exit_code = exit_codes.CANNOT_CREATE


class LoginFailed(CommandError):
    """A login ended without a grant; the message says why and what to do."""

    exit_code = exit_codes.UNAVAILABLE


class ContractBroken(CommandError):
    """A service answered what the contract does not know: it is of another version."""

    exit_code = exit_codes.SOFTWARE
