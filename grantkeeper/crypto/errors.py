"""What can go wrong with keys.

CryptoError
|-- RingError          a ring file is missing, open to others, or damaged: the process must not start
`-- DecryptionError    something at rest does not open: other ring, or moved to another document
"""


class CryptoError(Exception):
    """Something is wrong with a key or with what it protects."""


class RingError(CryptoError):
    """A ring file cannot be used; the message is one line that names the file and the cure."""


class DecryptionError(CryptoError):
    """A value at rest does not open in its place with any key of the ring."""
