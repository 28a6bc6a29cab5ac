"""The jars of the Kafka broker: those of the lock, by sha256, fetched once into the user's cache.

A jar whose bytes differ from the lock is fetched again, never used.
"""

import hashlib
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import requests

from devstack.cache import locked
from devstack.errors import PartMissing

LOCK = Path(__file__).with_name("kafka.lock.toml")
PARALLEL = 8  # downloads at once: more gains nothing over one HTTPS host
TIMEOUT = 60  # seconds without a byte


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of the lock."""

    path: str  # in a Maven repository
    sha256: str

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


def read_lock(lock: Path = LOCK) -> list[Jar]:
    return [_jar(entry) for entry in tomllib.loads(lock.read_text())["dependencies"]]


def _jar(entry: dict[str, str]) -> Jar:
    group, artifact, version = entry["groupId"].replace(".", "/"), entry["artifactId"], entry["version"]
    return Jar(f"{group}/{artifact}/{version}/{artifact}-{version}.jar", entry["sha256"])


def ensure_jars(folder: Path, jars: Sequence[Jar], repository: str | None = None) -> int:
    """Make `folder` hold every jar, sound; return the bytes that had to be fetched.

    `repository` is the URL of a Maven repository, by default the central one.
    """
    with locked(folder):
        missing = [jar for jar in jars if not _is_sound(folder / jar.name, jar.sha256)]
        if not missing:
            return 0
        address = repository or _central_repository()
        with ThreadPoolExecutor(PARALLEL) as pool, requests.Session() as session:
            return sum(pool.map(lambda jar: _fetch(session, f"{address}/{jar.path}", jar, folder), missing))


def _central_repository() -> str:
    from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415 - slow to import, and needed once in a machine's life

    return str(MAVEN_CENTRAL_URL).rstrip("/")


def _is_sound(path: Path, sha256: str) -> bool:
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def _fetch(session: requests.Session, url: str, jar: Jar, folder: Path) -> int:
    content = _download(session, url, jar)
    if hashlib.sha256(content).hexdigest() != jar.sha256:
        raise PartMissing(f"{jar.name} differs from devstack/kafka.lock.toml; the download is refused, try again later")
    part = folder / f"{jar.name}.part"
    part.write_bytes(content)
    part.rename(folder / jar.name)
    return len(content)


def _download(session: requests.Session, url: str, jar: Jar) -> bytes:
    try:
        response = session.get(url, timeout=TIMEOUT)
        response.raise_for_status()
    except requests.RequestException as error:
        raise PartMissing(
            f"cannot fetch {jar.name} for Kafka ({type(error).__name__}): connect to the network once, "
            "or name a broker in GRANTKEEPER_KAFKA__BOOTSTRAP_SERVERS"
        ) from None
    return response.content
