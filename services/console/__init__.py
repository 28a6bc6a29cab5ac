"""The web console: sends commands and requests for a person, shows what the bus says.

Consumes `token.events`, `admin.notifications` and its replies; owns nothing. Never touches MongoDB, never calls a token endpoint,
never holds a ring.
"""
