"""Owns token configs and principals: turns admin commands into stored, published configs.

Consumes `config.commands`; publishes `config.events`, `principals` and replies; owns `token_configs`, `principals`, `commands`.
Never calls a provider; can open no secret.
"""
