"""The one error of the strict YAML rules: what is wrong, where, and what to do about it.

It never quotes a value: a line that does not parse may well be the one with the secret.
"""

from typing import Literal

YamlProblem = Literal[
    "anchor",
    "characters",
    "depth",
    "duplicate_key",
    "encoding",
    "key",
    "merge",
    "nodes",
    "not_one_document",
    "path_missing",
    "size",
    "syntax",
    "tag",
]


class StrictYamlError(Exception):
    """Text that breaks a rule; `line` and `column` count from 1."""

    def __init__(self, code: YamlProblem, line: int, column: int, problem: str, cure: str) -> None:
        """Keep the parts: reports show them in columns of their own."""
        super().__init__(f"line {line}, column {column}: {problem}. {cure}")
        self.code = code
        self.line = line
        self.column = column
        self.problem = problem
        self.cure = cure
