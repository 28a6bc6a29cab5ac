"""MongoDB: the one room that knows motor."""
