"""Fourteen things that go wrong in the field, each with what must come of it."""
