"""Names of token configs: how they are written, and which two are the same.

Written: NFC, outer blanks cut, inner runs of blanks one, no control characters, at most 250 characters. The same: equal
without regard to case, since people read `Support` and `support` as one name, and Znuny on MySQL holds them equal too.
"""

import re
import unicodedata

from schemas.token_config import NAME_MAX_LENGTH

# A plain or quoted scalar on the line of its key; a comment after it is none of it.
_NAME_LINE = re.compile(
    r"""^Name[ \t]*:[ \t]+("[^"\n]*"|'[^'\n]*'|[^\s\[\]{}|>&*!#%@`].*?)(?:[ \t]+#.*)?\r?$""", re.MULTILINE
)
_BLANKS = re.compile(r"\s+")
# Control, surrogate, unassigned and invisible formatting characters: two names must not look alike and differ.
_REFUSED = frozenset({"Cc", "Cf", "Cs", "Cn", "Co"})


def display_name(text: str) -> str:
    """Return a name as it is stored and shown; raises ValueError with a sentence that says the cure."""
    name = _BLANKS.sub(" ", unicodedata.normalize("NFC", text)).strip(" ")
    if not name:
        raise ValueError("a name has at least one visible character: enter one")
    if len(name) > NAME_MAX_LENGTH:
        raise ValueError(f"a name has at most {NAME_MAX_LENGTH} characters, this one has {len(name)}: shorten it")
    refused = next((one for one in name if unicodedata.category(one) in _REFUSED), None)
    if refused is not None:
        raise ValueError(f"a name has no invisible characters, this one has U+{ord(refused):04X}: delete it")
    return name


def name_in(text: str) -> str | None:
    """Return the name that a record's text shows, also where the record cannot be read: for people, to find it."""
    found = _NAME_LINE.search(text)
    written = "" if found is None else found[1].strip("\"'")
    try:
        return display_name(written)
    except ValueError:
        return None


def name_key(name: str) -> str:
    """Return what must be unique: equal for names that differ in case, blanks or Unicode composition only."""
    folded = unicodedata.normalize("NFC", name).casefold()
    return _BLANKS.sub(" ", unicodedata.normalize("NFC", folded)).strip(" ")
