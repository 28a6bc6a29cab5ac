import pytest

from tests.unit.cli.command_line import CommandLine


@pytest.fixture
def grantkeeper(capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(capsys)
