"""The one error that every room raises for the same reason: a server is away, or did not answer in time."""


class Unavailable(Exception):
    """Kafka or MongoDB cannot be reached or did not answer in time: the same work may well succeed later.

    Adapters translate their driver's errors into it; a handler lets it pass, and the bus delivers again.
    """
