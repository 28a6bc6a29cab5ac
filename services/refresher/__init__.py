"""The refresher keeps OAuth2 grants alive and hands out their access tokens.

Consumes: `config.events`, `principals`, `token.requests`.
Publishes: `token.events`, `expiry.events`, replies.
Owns (MongoDB): `grants`, `clients`, `authorizations`.
Never: parses YAML, reads another service's collection, sends a secret to a host it was not granted by or sealed for.
"""
