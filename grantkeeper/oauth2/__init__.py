"""OAuth2 as pure functions; only `http.py` does IO."""
