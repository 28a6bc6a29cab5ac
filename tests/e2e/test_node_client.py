"""The Node.js example gets an access token over a real broker, as its README says."""

import asyncio
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from grantkeeper.crypto import private_file
from grantkeeper_client import dump_credential
from tests.conftest import part_missing
from tests.integration.answering import AnsweringService, access_token, failed

if TYPE_CHECKING:
    from tests.servers import KafkaServer

EXAMPLE = Path(__file__).parents[2] / "clients" / "node"
pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def example(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with what it depends on."""
    folder = tmp_path_factory.mktemp("node") / "node"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("node_modules"))
    if shutil.which("npm") is None:
        part_missing(request.config, "npm: install Node.js")
    code, _, errors = asyncio.run(run(["npm", "install", "--no-audit", "--no-fund"], folder))
    if code != 0:
        part_missing(request.config, f"kafkajs: npm install failed: {errors[-300:]}")
    return folder


async def run(command: Sequence[str], folder: Path) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    return process.returncode, output.decode(), errors.decode()


async def test_the_example_prints_the_access_token_alone(
    kafka: "KafkaServer", prefix: str, example: Path, tmp_path: Path
) -> None:
    file = tmp_path / "mail-1.credential.json"
    async with AnsweringService(kafka.bootstrap_servers, prefix).running() as service:
        private_file.write_new(file, dump_credential(service.credential))
        in_an_hour = datetime.now(UTC) + timedelta(hours=1)
        # The first try is lost: the example must ask again.
        service.answer = lambda asked: (
            [access_token(asked, "planted-token", in_an_hour)] if len(service.taken) > 1 else []
        )
        code, output, errors = await run(["node", "get_access_token.mjs", str(file), "Support mailbox"], example)
        assert (code, output, errors) == (0, "planted-token\n", "")
        assert service.asked[0] == {"config": "Support mailbox", "min_validity": 60}
        assert service.taken[0][1] == service.taken[1][1]
        assert service.taken[0][0] != service.taken[1][0]


async def test_the_example_says_what_the_service_said(
    kafka: "KafkaServer", prefix: str, example: Path, tmp_path: Path
) -> None:
    file = tmp_path / "mail-1.credential.json"
    async with AnsweringService(kafka.bootstrap_servers, prefix).running() as service:
        private_file.write_new(file, dump_credential(service.credential))
        service.answer = lambda _: [failed("reauthorization_required")]
        code, output, errors = await run(["node", "get_access_token.mjs", str(file), "Support mailbox"], example)
        assert (code, output) == (1, "")
        assert "reauthorization_required" in errors
