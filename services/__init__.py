"""The processes. Services never import each other; they share `schemas` and `grantkeeper`."""
