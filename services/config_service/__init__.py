"""Owns token configs and principals: turns admin commands into stored, published configs.

Consumes `config.commands`, `principals`; publishes `config.events`, `principals`, replies, `dead-letters`; owns
`token_configs`, `token_config_history`, `principals`, `commands` (the inbox). Never calls a provider; can open no
secret.
"""
