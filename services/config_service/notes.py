"""Findings of one record as they are made: every one at its line and column, with a cure, without any value."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from grantkeeper.strict_yaml import Node, Path, Span, StrictDocument, StrictYamlError
from schemas.findings import Finding, Level


@dataclass(slots=True)
class Notes:
    """Collects findings on one document."""

    document: StrictDocument
    template: bool = False
    """Of a template nobody expects what an admin fills in."""
    findings: list[Finding] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Tell whether an error stands among them."""
        return any(finding.level == "error" for finding in self.findings)

    def error(self, code: str, path: Path, message: str, cure: str) -> None:
        """Note what keeps the record from being stored."""
        self._add("error", code, path, message, cure)

    def warning(self, code: str, path: Path, message: str, cure: str) -> None:
        """Note what will most likely not work."""
        self._add("warning", code, path, message, cure)

    def note(self, code: str, path: Path, message: str, cure: str = "") -> None:
        """Note what is worth knowing."""
        self._add("note", code, path, message, cure)

    def unknown_key(self, path: Path) -> None:
        """Note a key that has no meaning here and stays in the text."""
        self._add("note", "unknown_key", path, "This key has no meaning here; it is kept.", "")

    def check_key(self, path: Path) -> None:
        """Refuse keys that the database reads as paths or operators."""
        key = str(path[-1])
        if key.startswith("$") or "." in key:
            self.error("key_not_allowed", path, "A name with a dot or a leading $ cannot be stored.", "Rename it.")

    def mapping(self, node: Node, path: Path) -> Mapping[str, Node]:
        """Return a node that must be a mapping; nothing counts as an empty one."""
        if isinstance(node, dict):
            return node
        if node is not None:
            cure = "Write `Key: value` lines, indented under it."
            self.error("not_a_mapping", path, "Here must stand a mapping.", cure)
        return {}

    def _add(self, level: Level, code: str, path: Path, message: str, cure: str) -> None:
        place = self._place(path)
        self.findings.append(
            Finding(
                level=level,
                code=code,
                field=".".join(str(step) for step in path) or None,
                line=place.line,
                column=place.column,
                message=message,
                cure=cure,
            )
        )

    def _place(self, path: Path) -> Span:
        return self.document.keys.get(path) or self.document.at(path)


def from_yaml_error(error: StrictYamlError) -> Finding:
    """Tell an error of the text itself as a finding."""
    return Finding(
        level="error",
        code=f"yaml_{error.code}",
        line=error.line,
        column=error.column,
        message=f"{error.problem[:1].upper()}{error.problem[1:]}.",
        cure=error.cure,
    )
