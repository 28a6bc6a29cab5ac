"""What every process needs, without a server."""
