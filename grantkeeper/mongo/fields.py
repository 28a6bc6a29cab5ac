"""Reads parts of documents that another version of the service may have written: it may know more fields."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    D = TypeVar("D", bound=DataclassInstance)
else:
    D = TypeVar("D")


def known(kind: type[D], document: Mapping[str, Any]) -> D:
    """Make a dataclass of the fields that it knows, and pass over the others; raises TypeError where one is missing."""
    try:
        return kind(**document)
    except TypeError:  # looked for only then: such parts are read by the thousand, and nearly all fit
        return kind(**{name: document[name] for name in kind.__dataclass_fields__ if name in document})
