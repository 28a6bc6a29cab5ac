"""Servers of others, and our own stub beside them, that tests talk to as if they were a provider."""
