"""Rings, encryption at rest and credential files."""
