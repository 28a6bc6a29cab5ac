"""Kafka's jars are those of the lock or none: over a real HTTP connection to a repository on this machine."""

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typing_extensions import override

from devstack.errors import PartMissing
from devstack.jars import Jar, ensure_jars, read_lock
from devstack.ports import free_ports

CONTENTS = {f"org/example/part-{number}/1/part-{number}-1.jar": b"jar %d" % number * 1000 for number in range(12)}
JARS = [Jar(path, hashlib.sha256(content).hexdigest()) for path, content in CONTENTS.items()]
SIZE = sum(map(len, CONTENTS.values()))


class Quiet(SimpleHTTPRequestHandler):
    @override
    def log_message(self, format: str, *args: object) -> None:
        del format, args


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[str]:
    for path, content in CONTENTS.items():
        file = tmp_path / "repository" / path
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "repository")))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_jars_are_fetched_once(tmp_path: Path, repository: str) -> None:
    assert ensure_jars(tmp_path / "jars", JARS, repository) == SIZE
    assert ensure_jars(tmp_path / "jars", JARS, "http://127.0.0.1:1") == 0


def test_a_damaged_jar_is_fetched_again(tmp_path: Path, repository: str) -> None:
    ensure_jars(tmp_path / "jars", JARS, repository)
    damaged = tmp_path / "jars" / JARS[3].name
    damaged.write_bytes(b"damaged")
    assert ensure_jars(tmp_path / "jars", JARS, repository) == len(CONTENTS[JARS[3].path])
    assert hashlib.sha256(damaged.read_bytes()).hexdigest() == JARS[3].sha256


def test_a_jar_that_differs_from_the_lock_is_refused_and_not_kept(tmp_path: Path, repository: str) -> None:
    forged = Jar(JARS[0].path, "0" * 64)
    with pytest.raises(PartMissing, match=r"part-0-1\.jar differs from devstack/kafka\.lock\.toml"):
        ensure_jars(tmp_path / "jars", [forged], repository)
    assert not (tmp_path / "jars" / forged.name).exists()


def test_offline_is_one_line_that_names_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(PartMissing, match=r"^cannot fetch part-0-1.jar .*GRANTKEEPER_KAFKA__BOOTSTRAP_SERVERS$"):
        ensure_jars(tmp_path / "jars", JARS[:1], f"http://127.0.0.1:{free_ports(1)[0]}")


def test_two_starts_at_once_share_one_download(tmp_path: Path, repository: str) -> None:
    fetched: list[int] = []

    def start() -> None:
        fetched.append(ensure_jars(tmp_path / "jars", JARS, repository))

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(fetched) == [0, 0, 0, SIZE]


def test_the_lock_holds_one_kafka_and_no_host() -> None:
    jars = read_lock()
    assert len([jar for jar in jars if jar.name.startswith("kafka_")]) == 1
    assert len({jar.name for jar in jars}) == len(jars), "a flat folder needs unique names"
    assert all(len(jar.sha256) == 64 for jar in jars)
