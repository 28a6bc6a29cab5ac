"""Fetch what the servers of the tests are made of, before the clock of any test runs: `python -m tests.partners.fetch`.

What cannot be fetched is said in one line and left to the tests that need it: they skip, or fail where CI=true.
"""

import os
import sys
from collections.abc import Callable

from devstack.errors import DevstackError
from devstack.jars import ensure_jars, read_lock
from devstack.kafka import jar_folder
from tests.partners.node import find_node, install_partners


def main() -> None:
    """Fetch each of them, or say why not."""
    environment = dict(os.environ)
    parts: dict[str, Callable[[], object]] = {
        "Kafka": lambda: ensure_jars(jar_folder(environment), read_lock()),
        "a certified OAuth2 server and validators": lambda: install_partners(find_node(), environment),
    }
    for name, fetch in parts.items():
        try:
            fetch()
        except DevstackError as missing:
            sys.stderr.write(f"{name}: {missing}\n")


if __name__ == "__main__":
    main()
