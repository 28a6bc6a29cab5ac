"""The door to MongoDB, on the real server."""
