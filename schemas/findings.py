"""Findings: what import, validate and save have to say about a record, by code, place and cure."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.envelope import Model

Level = Literal["error", "warning", "note"]


class Finding(Model):
    """One thing about one record; an error keeps it from being stored."""

    level: Level
    code: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$")]
    field: str | None = Field(default=None, description="Dotted path in the YAML, e.g. `Config.ClientID`.")
    line: int | None = Field(default=None, ge=1)
    column: int | None = Field(default=None, ge=1)
    message: str
    cure: str = ""
