"""The documents of the repository as tests read them: links, tables, code."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
RUNS_OF_CODE = re.compile(r"`[^`\n]*`")


@dataclass(frozen=True, slots=True)
class Document:
    """One Markdown file."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    def links(self) -> list[str]:
        """Targets of links and pictures, code left aside."""
        prose = RUNS_OF_CODE.sub("", FENCE.sub("", self.text))
        return [first or second for first, second in LINK.findall(prose)]

    def anchors(self) -> set[str]:
        """What `#...` may name: the headings, spelled as GitHub does."""
        headings = re.findall(r"^#+ (.+)$", FENCE.sub("", self.text), re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    def code(self) -> list[str]:
        """Every run of code, then every line of blocks of code."""
        lines = [line for block in FENCE.findall(self.text) for line in block.splitlines()[1:-1]]
        indented = [line.strip() for line in self.text.splitlines() if line.startswith("    ")]
        return [*CODE.findall(FENCE.sub("", self.text)), *lines, *indented]

    def rows(self, heading: str) -> list[Sequence[str]]:
        """The rows of the tables below a heading, up to the next one; the heads of tables are left out."""
        section = re.split(r"^#+ ", self.text.split(f"# {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
        lines = [line for line in section.splitlines() if line.startswith("|")]
        ruled = [number for number, line in enumerate(lines) if set(line) <= set("|-: ")]
        heads = {number - 1 for number in ruled}
        return [cells(line) for number, line in enumerate(lines) if number not in heads and number not in ruled]

    def first_words(self, heading: str) -> list[str]:
        """The code in the first cell of each row below a heading."""
        return [word for row in self.rows(heading) for word in CODE.findall(row[0])]


def cells(line: str) -> Sequence[str]:
    """Split one row of a table; a bar inside code is written `\\|`."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def document(name: str) -> Document:
    path = ROOT / name
    return Document(path, path.read_text(encoding="utf-8"))


def documents() -> Iterator[Document]:
    """Every document that a reader may open, decisions included."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "clients").glob("*/README.md")]
    for path in sorted(found):
        yield Document(path, path.read_text(encoding="utf-8"))
