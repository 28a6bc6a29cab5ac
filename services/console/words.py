"""Every word on screen, by key, from one YAML file per language in `locale/`: a language is added by adding a file.

English is complete by definition; where another language lacks a key, the English text stands in. A plural is a mapping
with `one` and `other`, chosen by the argument `count`. Placeholders are `{name}`; values are escaped by the page.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

import yaml

DEFAULT_LANGUAGE: Final = "en"
Entry = str | Mapping[str, str]


class Words:
    """One language."""

    def __init__(self, language: str, entries: Mapping[str, Entry], fallback: Mapping[str, Entry]) -> None:
        self.language = language
        self._entries = {**fallback, **entries}

    def __call__(self, key: str, **values: object) -> str:
        """Return the text of a key; raises KeyError for one that no file has."""
        entry = self._entries[key]
        text = entry if isinstance(entry, str) else entry["one" if values.get("count") == 1 else "other"]
        return text.format_map(values)

    def known(self, key: str, otherwise: str, **values: object) -> str:
        """Return the text of a key, or `otherwise`: for words that another service may add before this one knows."""
        return self(key, **values) if key in self._entries else otherwise


class Catalogue:
    """All languages."""

    def __init__(self, languages: Mapping[str, Mapping[str, Entry]]) -> None:
        english = languages[DEFAULT_LANGUAGE]
        self._words = {code: Words(code, entries, english) for code, entries in languages.items()}
        self.names = {code: str(entries["language.name"]) for code, entries in languages.items()}

    def choose(self, chosen: str | None, accepted: str) -> Words:
        """Return the language a person chose, else the first that the browser accepts (RFC 9110, 12.5.4)."""
        for code in (chosen, *_accepted(accepted), DEFAULT_LANGUAGE):
            if code in self._words:
                return self._words[code]
        return self._words[DEFAULT_LANGUAGE]


@cache
def load_catalogue() -> Catalogue:
    """Read the files of `locale/`."""
    folder = resources.files("services.console") / "locale"
    files = (file for file in folder.iterdir() if file.name.endswith(".yaml"))
    return Catalogue({file.name.removesuffix(".yaml"): entries(file.read_text(encoding="utf-8")) for file in files})


def entries(text: str) -> dict[str, Entry]:
    """Flatten a catalogue file: `a: {b: text}` is the key `a.b`; a mapping of `one` and `other` is a plural."""
    return dict(_flatten(yaml.load(text, Loader=yaml.CSafeLoader), ""))


def _flatten(tree: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, Entry]]:
    for name, value in tree.items():
        if isinstance(value, Mapping) and set(value) != {"one", "other"}:
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _accepted(header: str) -> list[str]:
    weighed = []
    for place, part in enumerate(header.split(",")[:20]):
        tag, _, quality = part.strip().partition(";q=")
        weighed.append((-_quality(quality), place, tag.split("-")[0].lower()))
    return [tag for _, _, tag in sorted(weighed)]


def _quality(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0
