"""What crosses a process boundary: pydantic models without IO, one file per topic."""
