"""OAuth 2.0 as a client speaks it: pure functions from a token config to requests and from answers to outcomes.

Only `http.py` opens a connection. Names follow RFC 6749; whatever is a secret is a SecretStr.
"""
