"""A local OAuth2 authorization server for development and tests: real rules, short lives, faults on command.

Never part of production. One process plays several providers ("realms") below path prefixes, each with its own
rule for refresh tokens (`rotation.py`) and its own way to say no (`errors.py`). Importing starts nothing.
"""
