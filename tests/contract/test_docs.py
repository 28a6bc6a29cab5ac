"""The documents say what the code does: whatever they name exists, and what readers look for is named."""

import importlib
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args
from urllib.parse import unquote

import pytest
import typer

from devstack.layout import DATA_SETTING
from grantkeeper.cli import exit_codes
from grantkeeper.cli.app import app
from grantkeeper.cli.environment import CREDENTIAL
from grantkeeper.process.metrics import METRIC_NAMES
from grantkeeper.process.settings import is_secret, variables_of
from schemas.reasons import (
    DEAD_LETTER_REASONS,
    ERROR_CODES,
    NOTIFICATION_KINDS,
    PUBLIC_STATES,
    RETRYABLE,
    AttemptClass,
    NotificationState,
)
from schemas.results import RESULTS
from schemas.samples import MESSAGES  # brings every model along
from schemas.topics import REPLY_TOPIC, TOPICS, Topic
from services.config_service.settings import ConfigServiceSettings
from services.console.settings import ConsoleSettings
from services.notifier.settings import NotifierSettings
from services.refresher.settings import RefresherSettings
from tests.contract.documents import ROOT, Document, document, documents

DOCUMENTS = list(documents())
PAGES = [one for one in DOCUMENTS if one.path.parent == ROOT / "docs"]
LONGEST_PAGE, LONGEST_README = 150, 200  # lines
MODELS = (ConfigServiceSettings, RefresherSettings, NotifierSettings, ConsoleSettings)
every_document = pytest.mark.parametrize("one", DOCUMENTS, ids=lambda one: one.name)


@every_document
def test_every_link_leads_somewhere(one: Document) -> None:
    assert [target for target in one.links() if not leads_somewhere(one, unquote(target))] == []


def leads_somewhere(one: Document, target: str) -> bool:
    if re.match(r"https?://", target):
        return True
    path, _, anchor = target.partition("#")
    place = (one.path.parent / path).resolve() if path else one.path
    if not place.exists() or not place.is_relative_to(ROOT):
        return False
    return not anchor or anchor in Document(place, place.read_text(encoding="utf-8")).anchors()


def test_every_page_is_in_the_index() -> None:
    linked = {target.partition("#")[0] for target in document("docs/README.md").links()}
    assert {page.path.name for page in PAGES} - {"README.md"} <= linked
    records = {path.name for path in (ROOT / "docs/decisions").glob("[0-9]*.md")}
    assert records <= set(document("docs/decisions/README.md").links())


@pytest.mark.parametrize("one", PAGES, ids=lambda one: one.name)
def test_pages_stay_short(one: Document) -> None:
    assert len(one.text.splitlines()) <= LONGEST_PAGE


def test_the_first_page_stays_short() -> None:
    assert len(document("README.md").text.splitlines()) < LONGEST_README


@pytest.mark.parametrize("path", sorted((ROOT / "docs/decisions").glob("[0-9]*.md")), ids=lambda path: path.name)
def test_a_decision_has_its_date_and_says_when_to_reopen_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.match(r"# .+\n\n20\d\d-\d\d-\d\d\n\n\*\*Decision\.\*\*", text)
    assert re.findall(r"^\*\*(Why\.|Consequences\.|Reopen when)\*\*", text, re.MULTILINE) == [
        "Why.",
        "Consequences.",
        "Reopen when",
    ]


@every_document
def test_every_setting_that_is_named_exists(one: Document) -> None:
    assert set(re.findall(r"GRANTKEEPER_[A-Z0-9_]*[A-Z0-9]", one.text)) <= settings()


def settings() -> set[str]:
    found = {CREDENTIAL, DATA_SETTING, *compose_variables()}
    for model in MODELS:
        for name, field in variables_of(model):
            found |= {name, f"{name}_FILE"} if is_secret(field) else {name}
    return found


def compose_variables() -> set[str]:
    return set(re.findall(r"\$\{(GRANTKEEPER_[A-Z_]+)", (ROOT / "compose.yaml").read_text()))


@every_document
def test_every_metric_that_is_named_exists(one: Document) -> None:
    named = set(re.findall(r"(?<![\w.])grantkeeper_(?!client\b)[a-z_]+", one.text))
    assert {name.removeprefix("grantkeeper_").removesuffix("_total") for name in named} <= set(METRIC_NAMES)


@every_document
def test_every_message_that_is_named_exists(one: Document) -> None:
    assert set(re.findall(r"grantkeeper(?:\.[a-z_]+)+\.v1", one.text)) <= {message.TYPE for message in MESSAGES}


@every_document
def test_every_command_that_is_named_exists(one: Document) -> None:
    wrong = [line for line in one.code() for words in invocations(line) if not exists(words)]
    assert wrong == []


def invocations(line: str) -> Iterator[list[str]]:
    """The words behind each `grantkeeper` that stands as a command in a line of code."""
    for match in re.finditer(r"(?:^|[\s/$(])(?:grantkeeper|cli) ([a-z][a-z-]+(?: .*)?)$", line.rstrip()):
        yield re.split(r"\s+", re.split(r" #| \||\)|;", match[1])[0].strip())


def exists(words: list[str]) -> bool:
    """Whether these words begin with a command, and each option among them is one of its own."""
    command: Any = typer.main.get_command(app)
    while words and (commands := getattr(command, "commands", None)) is not None:
        if words[0] not in commands:
            return False
        command, words = commands[words[0]], words[1:]
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return {word.partition("=")[0] for word in words if word.startswith("--")} <= options


def test_the_look_for_commands_finds_what_is_wrong() -> None:
    lines = ("$ grantkeeper token get X", "passwordeval grantkeeper token get X", "docker compose run cli token get X")
    assert [list(invocations(line)) for line in lines] == [[["token", "get", "X"]]] * 3
    assert exists(["token", "get", "X"])
    assert not exists(["token", "fetch", "X"])
    assert not exists(["rings", "make", "DIR", "--force"])


def leaves(command: Any, path: str = "") -> Iterator[str]:
    commands = getattr(command, "commands", None)
    if commands is None:
        yield path.strip()
    for name, child in (commands or {}).items():
        yield from leaves(child, f"{path} {name}")


def test_the_page_of_the_command_line_names_every_command() -> None:
    rows = document("docs/command-line.md").rows("The command line")
    named = [word for row in rows for word in code_of(row[0])]
    for leaf in leaves(typer.main.get_command(app)):
        noun, verb = leaf.split()[0], leaf.split()[-1]
        assert any(verb in words and words.startswith((f"{noun} ", verb)) for words in named), leaf


def code_of(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_the_page_of_the_command_line_names_every_exit_code() -> None:
    codes = {value for name, value in vars(exit_codes).items() if name.isupper() and isinstance(value, int)}
    assert {int(row[0]) for row in document("docs/command-line.md").rows("Exit codes")} == codes


@every_document
def test_every_module_and_target_that_is_named_exists(one: Document) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for line in one.code():
        for module in re.findall(r"python3? -m ([a-z_.]+[a-z])", line):
            path = ROOT / module.replace(".", "/")
            assert path.with_suffix(".py").exists() or (path / "__main__.py").exists() or module == "services", line
        for target in re.findall(r"^(?:\$ )?make ([a-z-]+)(?:$| )", line):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), line


def test_the_bus_page_names_every_topic_as_it_is_made() -> None:
    rows = {row[0].strip("`"): row for row in document("docs/bus.md").rows("Topics")}
    wanted = {topic.name: topic for topic in (*TOPICS.values(), REPLY_TOPIC)}
    assert rows.keys() == wanted.keys()
    for name, topic in wanted.items():
        assert rows[name][4].startswith(kept(topic)), name
        assert ("1 partition" in rows[name][4]) is (topic.partitions == 1), name


def kept(topic: Topic) -> str:
    if topic.retention is None:
        return "compacted"
    days = topic.retention / timedelta(days=1)
    return f"{days:g} day" if days >= 1 else f"{topic.retention / timedelta(minutes=1):g} minutes"


def test_the_page_of_messages_names_each_with_its_roles_and_result() -> None:
    page = document("docs/messages.md")
    commands = {row[0].strip("`"): row for row in page.rows("Commands and requests") if row[1]}
    assert commands.keys() == {model.TYPE for model in RESULTS}
    for model, result in RESULTS.items():
        assert set(commands[model.TYPE][1].split(", ")) == model.ROLES
        assert commands[model.TYPE][2] == result.__name__
    events = {row[0].strip("`"): row[1].strip("`") for row in page.rows("Events")}
    others = [type(one) for one in MESSAGES if type(one) not in RESULTS and one.TOPIC != "replies"]
    assert events == {model.TYPE: model.TOPIC for model in others}


def test_the_page_of_messages_names_every_error_code() -> None:
    page = document("docs/messages.md")
    rows = {row[0].strip("`"): row[1] for row in page.rows("Error codes")}
    assert rows.keys() == set(ERROR_CODES)
    assert {code for code, retryable in rows.items() if retryable} == RETRYABLE
    sent = "\n".join(
        path.read_text() for room in ("services", "grantkeeper/bus") for path in (ROOT / room).rglob("*.py")
    )
    assert [code for code in rows if f'"{code}"' not in sent] == []


def python(*rooms: str) -> str:
    return "\n".join(path.read_text() for room in rooms for path in sorted((ROOT / room).rglob("*.py")))


def test_the_bus_page_names_every_reason_of_a_dead_letter() -> None:
    rows = document("docs/bus.md").first_words("What is refused, and how")
    assert [word for word in rows if word in DEAD_LETTER_REASONS] == list(DEAD_LETTER_REASONS)


def test_the_page_of_grants_names_every_state_and_class() -> None:
    page = document("docs/grants.md")
    assert {row[0].strip("`") for row in page.rows("States")} == set(PUBLIC_STATES)
    assert {*page.first_words("What an answer means"), "success"} == set(get_args(AttemptClass))


def test_the_page_of_notifications_names_every_kind_and_state() -> None:
    page = document("docs/notifications.md")
    assert set(page.first_words("Kinds")) == set(NOTIFICATION_KINDS)
    assert {row[0].strip("`") for row in page.rows("Life")} == set(get_args(NotificationState))


def test_the_page_of_notifications_names_the_severity_of_each_kind() -> None:
    domain = importlib.import_module("services.notifier.domain")
    told = {row[0].strip("`"): row[1] for row in document("docs/notifications.md").rows("Kinds")}
    assert told == {kind: "yellow" if kind in domain.YELLOW else "red" for kind in NOTIFICATION_KINDS}


def test_the_page_of_operations_names_every_metric() -> None:
    assert document("docs/operations.md").first_words("Metrics") == list(METRIC_NAMES)


NUMBERS = [(page, row) for page in ("docs/delivery.md", "docs/grants.md") for row in document(page).rows("Numbers")]


@pytest.mark.parametrize(("page", "row"), NUMBERS, ids=[row[0].strip("`") for _, row in NUMBERS])
def test_numbers_are_those_of_the_code(page: str, row: list[str]) -> None:
    constant, told, module = (cell.strip("`") for cell in row)
    value = getattr(importlib.import_module(module), constant)
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    assert told == f"{seconds:.15g} s", page


def test_every_failpoint_that_is_named_exists() -> None:
    code = python("services", "grantkeeper")
    for one in DOCUMENTS:
        for point in re.findall(r'reach\("([a-z_.]+)"\)', one.text):
            assert f'reach("{point}")' in code


@every_document
def test_every_file_of_the_checkout_that_is_named_exists(one: Document) -> None:
    rooms = "services|schemas|grantkeeper|clients|devstack|tests|templates|docs"
    for code in one.code():
        for name in re.findall(rf"(?<![\w/.])((?:{rooms})/[\w./-]+\.(?:py|yaml|md|json|mjs))", code):
            assert (ROOT / name).exists(), name
