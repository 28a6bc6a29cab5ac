"""config_service's settings."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from grantkeeper.process.settings import MongoSettings, ProcessSettings, Section


class RingSettings(Section):
    """Where the installation's keys are."""

    auth_file: Path = Field(description="The auth ring: keys by which messages are signed and checked.")


class ConfigServiceSettings(ProcessSettings):
    """Everything config_service reads."""

    mongo: MongoSettings
    rings: RingSettings
    templates_dir: Path = Field(
        default=Path("templates"), description="Folder of the token config templates, one YAML each."
    )
    principals_file: Path | None = Field(
        default=None,
        description="YAML list of principals to register at start where they are missing: principal, role, "
        "acts_for_users, configs, description. Needed for the first admin; what is registered already is not changed.",
    )
    purge_interval: Annotated[float, Field(gt=0, le=86_400)] = Field(
        default=600.0, description="Seconds between two looks for configs whose 30 days after a delete are over."
    )
