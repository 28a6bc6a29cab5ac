"""Keeps every grant alive and answers requests for access tokens.

Consumes `config.events`, `principals`, `token.requests`; publishes `token.events`, `expiry.events` and replies; owns `grants`,
`clients`, `authorizations`. Never parses YAML; never reads another service's collection.
"""
