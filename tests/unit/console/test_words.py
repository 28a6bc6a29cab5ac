"""The catalogues: complete, alike in every language, and with a word for everything that outsiders key on."""

import re
from pathlib import Path
from typing import get_args

import pytest

from grantkeeper.oauth2.error_table import shipped
from schemas.findings import Finding
from schemas.reasons import ERROR_CODES, NOTIFICATION_KINDS, PUBLIC_STATES, AttemptClass
from schemas.token_config import AuthFlow, RequestType, Validity
from services.console.views import finding
from services.console.words import Catalogue, entries, load_catalogue

CONSOLE = Path(__file__).parents[3] / "services" / "console"
FILES = sorted((CONSOLE / "locale").glob("*.yaml"))
ENGLISH = entries((CONSOLE / "locale" / "en.yaml").read_text(encoding="utf-8"))

SAID_BY_SERVICES = ("cure.", "cure_for.", "finding.", "finding_cure.")
"""What services send in English; a catalogue has it by id or code."""


def placeholders(entry: object) -> set[str]:
    return set(re.findall(r"{(\w+)}", str(entry)))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_language_says_everything(file: Path) -> None:
    found = entries(file.read_text(encoding="utf-8"))
    assert {key for key in found if not key.startswith(SAID_BY_SERVICES)} == set(ENGLISH)
    for key, entry in ((key, found[key]) for key in ENGLISH):
        assert isinstance(entry, str) == isinstance(ENGLISH[key], str), key
        assert placeholders(entry) == placeholders(ENGLISH[key]), key


@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        ("error", ERROR_CODES),
        ("notification", NOTIFICATION_KINDS),
        ("state", PUBLIC_STATES),
        ("state_note", PUBLIC_STATES),
        ("outcome", get_args(AttemptClass)),
        ("flow", get_args(AuthFlow)),
        ("validity", get_args(Validity)),
        ("field.url", get_args(RequestType)),
        ("field.parameters", get_args(RequestType)),
    ],
)
def test_there_is_a_word_for_everything_that_outsiders_key_on(prefix: str, words: tuple[str, ...]) -> None:
    assert {f"{prefix}.{word}" for word in words} <= set(ENGLISH)


@pytest.mark.parametrize("file", [file for file in FILES if file.stem != "en"], ids=lambda file: file.stem)
def test_every_cure_is_said_in_every_language(file: Path) -> None:
    found = entries(file.read_text(encoding="utf-8"))
    by_id = {key.removeprefix("cure.") for key in found if key.startswith("cure.")}
    assert by_id == set(shipped().cures)
    by_kind = {key.removeprefix("cure_for.") for key in found if key.startswith("cure_for.")}
    assert by_kind < set(NOTIFICATION_KINDS)


@pytest.mark.parametrize("file", [file for file in FILES if file.stem != "en"], ids=lambda file: file.stem)
def test_findings_are_said_in_other_languages_by_codes_that_there_are(file: Path) -> None:
    sources = (CONSOLE.parent / "config_service").rglob("*.py")
    known = {word for source in sources for word in re.findall(r'"([a-z_]+)"', source.read_text(encoding="utf-8"))}
    said = {key.split(".")[1] for key in entries(file.read_text(encoding="utf-8")) if key.startswith("finding")}
    assert len(said) > 30
    assert said <= known


def test_a_finding_is_said_in_the_readers_language_where_its_sentence_never_varies() -> None:
    found = Finding(level="warning", code="no_refresh", line=3, column=5, message="Without it.", cure="Add it.")
    other = found.model_copy(update={"code": "yaml_syntax"})
    english, german = (load_catalogue().choose(code, "") for code in ("en", "de"))
    assert finding(found, english) == "line 3, column 5: Without it. Add it."
    assert finding(found, german).startswith("Zeile 3, Spalte 5: Ohne TokenByRefreshToken muss sich jemand neu")
    assert finding(other, german) == "Zeile 3, Spalte 5: Without it. Add it."


def test_every_word_that_a_page_asks_for_is_there() -> None:
    asked = set()
    for file in [*CONSOLE.glob("pages/*.html"), *CONSOLE.glob("*.py"), *CONSOLE.glob("routes/*.py")]:
        asked |= set(re.findall(r'\b(?:t|words)\("([a-z0-9_.-]+)"', file.read_text(encoding="utf-8")))
    assert len(asked) > 150
    beginnings = {one for one in asked if one.endswith((".", "_"))}
    assert asked - beginnings - set(ENGLISH) == set()
    assert all(any(key.startswith(one) for key in ENGLISH) for one in beginnings)


@pytest.mark.parametrize(
    ("chosen", "accepted", "language"),
    [
        (None, "", "en"),
        (None, "de", "de"),
        (None, "de-AT,de;q=0.9", "de"),
        (None, "fr,de;q=0.5", "de"),
        (None, "fr;q=1,en;q=0.2,de;q=0.1", "en"),
        (None, "de;q=nonsense,*", "de"),
        ("de", "en", "de"),
        ("xx", "de", "de"),
    ],
)
def test_the_language_is_the_persons_else_the_browsers(chosen: str | None, accepted: str, language: str) -> None:
    assert load_catalogue().choose(chosen, accepted).language == language


def test_what_a_language_lacks_stays_english() -> None:
    words = Catalogue({"en": {"language.name": "English", "a": "A {x}"}, "fr": {"language.name": "F"}}).choose("fr", "")
    assert words("a", x=1) == "A 1"
    assert words.known("b", "otherwise") == "otherwise"


def test_one_and_many_are_said_apart() -> None:
    words = load_catalogue().choose("en", "")
    assert words("tokens.count", count=1) == "1 token"
    assert words("tokens.count", count=0) == "0 tokens"
