"""The notifier's settings."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from grantkeeper.process.settings import MongoSettings, ProcessSettings, Section


class RingSettings(Section):
    """Where the installation's keys are."""

    auth_file: Path = Field(description="The auth ring: keys by which messages are signed and checked.")


class ChannelSettings(Section):
    """Where notices go besides the console: e-mail, chat and others, by Apprise."""

    urls: SecretStr | None = Field(
        default=None,
        description="Apprise URLs, one a line or separated by blanks; they hold passwords, so mount them as a file. "
        "None = the console and the topic alone.",
    )
    wait: Annotated[float, Field(ge=0, le=3600)] = Field(
        default=20.0, description="Seconds that a notice waits for others of the same cause, to become one digest."
    )
    digest_from: Annotated[int, Field(ge=2, le=1000)] = Field(
        default=4, description="That many notices of one kind and cure are told as one."
    )


class NotifierSettings(ProcessSettings):
    """Everything the notifier reads."""

    mongo: MongoSettings
    rings: RingSettings
    public_url: str = Field(
        description="Base URL of the console as browsers reach it; notices link there.", pattern=r"^https?://[^\s?#]+$"
    )
    channels: ChannelSettings = ChannelSettings()
    interval: Annotated[float, Field(gt=0, le=3600)] = Field(
        default=15.0, description="Seconds between two looks for reminders and notices that are due."
    )
