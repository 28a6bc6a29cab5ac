"""How connections to Kafka are protected, in the words of every Kafka client, as aiokafka takes it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from aiokafka.helpers import create_ssl_context

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


def kafka_security(
    security_protocol: SecurityProtocol = "PLAINTEXT",
    *,
    sasl_mechanism: SaslMechanism | None = None,
    sasl_username: str | None = None,
    sasl_password: str | None = None,
    ssl_cafile: str | Path | None = None,
    ssl_certfile: str | Path | None = None,
    ssl_keyfile: str | Path | None = None,
    ssl_keyfile_password: str | None = None,
) -> Mapping[str, Any]:
    """Return the `security` of `Grantkeeper` and `Asker`; raises ValueError for what does not fit together.

    Without `ssl_cafile` the system's authorities are trusted; the broker's host name is always checked.
    """
    security: dict[str, Any] = {"security_protocol": security_protocol}
    if security_protocol.startswith("SASL"):
        if None in (sasl_mechanism, sasl_username, sasl_password):
            raise ValueError(f"{security_protocol} needs sasl_mechanism, sasl_username and sasl_password")
        security |= {
            "sasl_mechanism": sasl_mechanism,
            "sasl_plain_username": sasl_username,
            "sasl_plain_password": sasl_password,
        }
    elif sasl_mechanism is not None:
        raise ValueError("sasl_mechanism is set: set security_protocol to SASL_SSL (or SASL_PLAINTEXT) too")
    if security_protocol.endswith("SSL"):
        security["ssl_context"] = create_ssl_context(
            cafile=ssl_cafile, certfile=ssl_certfile, keyfile=ssl_keyfile, password=ssl_keyfile_password
        )
    return security
