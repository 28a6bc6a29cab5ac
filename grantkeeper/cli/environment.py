"""What the command line takes from its environment. Light: `token get` starts with nothing but this and the library."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from grantkeeper_client import Credential, CredentialError, kafka_security, load_credential

CREDENTIAL: Final = "GRANTKEEPER_CREDENTIAL"
_KAFKA: Final = "GRANTKEEPER_KAFKA__"
SECURITY_SETTINGS: Final = (
    "security_protocol",
    "sasl_mechanism",
    "sasl_username",
    "sasl_password",
    "ssl_cafile",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_keyfile_password",
)
"""Named as in the services' settings: GRANTKEEPER_KAFKA__SECURITY_PROTOCOL and so on; secrets also as ..._FILE."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The credential file, if one was named, and how connections to Kafka are protected."""

    credential_file: str | None = None
    security_settings: Mapping[str, str] = field(default_factory=dict, repr=False)

    def credential(self) -> Credential:
        """Read the credential file; raises CredentialError."""
        if self.credential_file is None:
            raise CredentialError(f"no credential: give --credential FILE or set {CREDENTIAL}")
        return load_credential(self.credential_file)

    def security(self) -> Mapping[str, Any]:
        """Return what `Asker` and `Grantkeeper` take as `security`; raises CredentialError."""
        try:
            return kafka_security(**self.security_settings)  # type: ignore[arg-type]
        except (ValueError, OSError) as error:
            raise CredentialError(f"the settings {_KAFKA}... do not fit together: {error}") from None


def read_environment(variables: Mapping[str, str]) -> Environment:
    """Pick what concerns the command line; raises CredentialError for a secret's file that cannot be read."""
    settings = {}
    for name in SECURITY_SETTINGS:
        variable = _KAFKA + name.upper()
        if variable in variables:
            settings[name] = variables[variable]
        elif f"{variable}_FILE" in variables:
            settings[name] = _read(f"{variable}_FILE", variables[f"{variable}_FILE"])
    return Environment(variables.get(CREDENTIAL), settings)


def _read(variable: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError):
        raise CredentialError(f"{variable}: {path} cannot be read: mount it so that you may read it") from None
