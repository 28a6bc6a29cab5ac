"""Strict YAML: strings only, no second meaning, errors with line, column and cure. Pure: text in, values out."""

from grantkeeper.strict_yaml.editing import replace_scalar, set_scalar
from grantkeeper.strict_yaml.errors import StrictYamlError, YamlProblem
from grantkeeper.strict_yaml.reading import LIMITS, Limits, Node, Path, Span, StrictDocument, decode, load, shown
from grantkeeper.strict_yaml.records import FILE_LIMIT, RecordText, iter_records, join_records, split_records
from grantkeeper.strict_yaml.writing import dump

__all__ = [
    "FILE_LIMIT",
    "LIMITS",
    "Limits",
    "Node",
    "Path",
    "RecordText",
    "Span",
    "StrictDocument",
    "StrictYamlError",
    "YamlProblem",
    "decode",
    "dump",
    "iter_records",
    "join_records",
    "load",
    "replace_scalar",
    "set_scalar",
    "shown",
    "split_records",
]
