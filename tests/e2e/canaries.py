"""Search everything that a run left behind for secrets that were planted in it: raw, base64, URL-encoded."""

import mmap
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus


def spellings(secret: str) -> Mapping[str, frozenset[bytes]]:
    """Every form in which a secret would still be readable; base64 at each of its three alignments."""
    raw = secret.encode()
    encoded = {
        part
        for offset in range(3)
        for encode in (b64encode, urlsafe_b64encode)
        for part in [_aligned(raw, offset, encode)]
    }
    return {
        "raw": frozenset({raw}),
        "base64": frozenset(encoded),
        "URL-encoded": frozenset(
            {quote(secret, safe="").encode(), quote_plus(secret).encode(), quote(secret).encode()}
        ),
    }


def _aligned(raw: bytes, offset: int, encode: Callable[[bytes], bytes]) -> bytes:
    """The characters that stand for the secret alone, wherever in a longer text it begins."""
    text = encode(b"\0" * offset + raw)
    first = (offset * 8 + 5) // 6
    whole = (offset + len(raw)) * 8 // 6
    return text[first:whole]


def files_below(*folders: Path) -> Iterator[Path]:
    """Every file with something in it."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.stat().st_size:
                yield path


def hits(places: Iterable[Path], secrets: Mapping[str, str]) -> list[str]:
    """One line for each secret found: which, in which spelling, where."""
    wanted = [
        (kind, spelling, form)
        for kind, secret in secrets.items()
        for spelling, forms in spellings(secret).items()
        for form in forms
    ]
    found = []
    for path in places:
        with path.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as content:
            found += [f"{kind} ({spelling}) in {path}" for kind, spelling, form in wanted if content.find(form) >= 0]
    return sorted(set(found))
