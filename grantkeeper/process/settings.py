"""Settings are documentation: described, bounded, typed, one prefix, `__` between the levels, nothing unknown.

`GRANTKEEPER_KAFKA__BOOTSTRAP_SERVERS` sets `kafka.bootstrap_servers`. A secret may also stand in a file: for every
secret `X` there is `X_FILE`, the path of a file whose text (without its last line feed) is the value. Each service
has a model of its own, derived from `ProcessSettings`, and reads only what it uses.
"""

import difflib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NoReturn, Self, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from typing_extensions import override

PREFIX: Final = "GRANTKEEPER_"
EX_CONFIG: Final = 78
"""Exit code of a process whose settings are wrong (sysexits.h): a supervisor must not restart it."""

Port = Annotated[int, Field(ge=0, le=65535)]


class Section(BaseModel):
    """A group of settings; a misspelt one is refused and values never stand in an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class KafkaSettings(Section):
    """Where Apache Kafka is and how to be let in."""

    bootstrap_servers: str = Field(description="Comma-separated host:port of one or more brokers.", min_length=3)
    prefix: str = Field(
        default="grantkeeper.",
        description="Put before every topic and consumer group name; two installations on one Kafka differ in it.",
        pattern=r"^[a-z0-9._-]{0,64}$",
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="How connections are protected; SASL_SSL or SSL anywhere but on one machine."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        default=None, description="Needed with SASL_PLAINTEXT and SASL_SSL."
    )
    sasl_username: str | None = Field(default=None, description="User of the SASL login.")
    sasl_password: SecretStr | None = Field(default=None, description="Password of the SASL login.")
    ssl_cafile: Path | None = Field(default=None, description="PEM file of the authorities; none = the system's.")
    ssl_certfile: Path | None = Field(
        default=None, description="PEM file of a client certificate, if brokers ask for it."
    )
    ssl_keyfile: Path | None = Field(default=None, description="PEM file of the client certificate's key.")
    ssl_keyfile_password: SecretStr | None = Field(default=None, description="Password of `ssl_keyfile`.")
    group_instance_id: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9._-]{1,128}$",
        description="Static membership: only where an ordinal names the process (a StatefulSet's pod name). "
        "Two processes with the same one would both own everything.",
    )
    session_timeout: float = Field(
        default=10.0, ge=1.0, le=1800.0, description="Seconds after which a silent process loses its partitions."
    )
    request_timeout: float = Field(
        default=40.0,
        ge=1.0,
        le=300.0,
        description="Seconds after which a request to a broker, or a message not sent, fails.",
    )
    replication_factor: int = Field(
        default=-1, ge=-1, le=32767, description="Copies of each topic created at start; -1 = the broker's default."
    )
    partitions: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="Partitions of topics created at start, where the contract does not ask for one.",
    )

    @model_validator(mode="after")
    def _sasl_is_complete(self) -> Self:
        uses_sasl = self.security_protocol.startswith("SASL")
        complete = None not in (self.sasl_mechanism, self.sasl_username, self.sasl_password)
        if uses_sasl and not complete:
            raise ValueError(f"{self.security_protocol} needs sasl_mechanism, sasl_username and sasl_password")
        if self.sasl_mechanism is not None and not uses_sasl:
            raise ValueError("sasl_mechanism is set: set security_protocol to SASL_SSL (or SASL_PLAINTEXT) too")
        return self

    def topic(self, name: str) -> str:
        """Return the real name of a topic or consumer group that the contract calls `name`."""
        return self.prefix + name


class MongoSettings(Section):
    """Where MongoDB is and how to be let in."""

    uri: SecretStr = Field(description="Connection string of a replica set, user and password included.")
    database: str = Field(
        default="grantkeeper", description="Database of this installation.", pattern=r"^[A-Za-z0-9_-]{1,63}$"
    )
    tls_cafile: Path | None = Field(default=None, description="PEM file of the authorities; switches TLS on.")
    tls_certificate_key_file: Path | None = Field(
        default=None, description="PEM file of a client certificate and its key."
    )
    server_selection_timeout: float = Field(
        default=5.0, ge=0.1, le=60.0, description="Seconds an operation waits for a primary before it counts as failed."
    )


class HealthSettings(Section):
    """The small HTTP server for operators: /healthz, /readyz, /metrics, /contract."""

    host: str = Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 in a container.")
    port: Port = Field(default=0, description="Port to listen on; 0 = a free one, which the log names.")


class LoggingSettings(Section):
    """What goes to standard error."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least severity that is written."
    )
    format: Literal["json", "console"] = Field(
        default="json", description="json = one object a line; console = for people."
    )


class ProcessSettings(BaseSettings):
    """What every service has; a service derives from it and adds its own."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    kafka: KafkaSettings
    health: HealthSettings = HealthSettings()
    logging: LoggingSettings = LoggingSettings()
    failpoint: str | None = Field(
        default=None,
        description="Tests only: where this process kills itself (process/failpoints.py). Never in production.",
    )

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments, then the environment with its files; no .env, which would depend on the folder."""
        return init_settings, _EnvironmentWithFiles(settings_cls)


class _EnvironmentWithFiles(EnvSettingsSource):
    """The environment, where `X_FILE` stands for the text of a file wherever `X` is a secret."""

    @override
    def _load_env_vars(self) -> Mapping[str, str | None]:
        variables = dict(super()._load_env_vars())
        for name, field in variables_of(self.settings_cls):
            path = variables.pop(f"{name}_FILE".lower(), None) if is_secret(field) else None
            if path is None:
                continue
            if name.lower() in variables:
                raise SettingsError(f"{name} and {name}_FILE are both set: remove one")
            variables[name.lower()] = _read_secret(name, Path(path))
        return variables


class SettingsError(ValueError):
    """A setting cannot be used; the message names it and the cure, never its value."""


def _read_secret(name: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        problem = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise SettingsError(
            f"{name}_FILE: {path}: {problem}: mount the file so that this process may read it"
        ) from None


def is_secret(field: FieldInfo) -> bool:
    return field.annotation is SecretStr or SecretStr in get_args(field.annotation)


def variables_of(model: type[BaseModel], prefix: str = PREFIX) -> Iterator[tuple[str, FieldInfo]]:
    """Yield each environment variable of a settings model with its field, nested models flattened."""
    for name, field in model.model_fields.items():
        variable = f"{prefix}{name}".upper()
        nested = _nested_model(field.annotation)
        if nested is not None:
            yield from variables_of(nested, f"{variable}__")
        else:
            yield variable, field


def _nested_model(annotation: object) -> type[BaseModel] | None:
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


Settings = TypeVar("Settings", bound=ProcessSettings)


def load(model: type[Settings]) -> Settings:
    """Read a service's settings, or end the process with exit code 78 and one line for each thing to cure."""
    try:
        refuse_misspelt(model, os.environ)
        refuse_unreadable_lists(model, os.environ)
        return model()
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False)
        _exit([sentence for problem in problems for sentence in _sentences(model, problem)])
    except SettingsError as error:
        _exit([str(error)])


def refuse_misspelt(model: type[BaseModel], environment: Mapping[str, str]) -> None:
    """Raise SettingsError for a variable that is nearly, but not, one of the model's.

    Other variables with the prefix are left alone: the processes of one installation may share an environment.
    """
    fields = dict(variables_of(model))
    known = {*fields, *(f"{name}_FILE" for name, field in fields.items() if is_secret(field))}
    for name in environment:
        if not name.startswith(PREFIX) or name in known:
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.93)
        if near:
            raise SettingsError(f"{name} is no setting: did you mean {near[0]}?")


def refuse_unreadable_lists(model: type[BaseModel], environment: Mapping[str, str]) -> None:
    """Raise SettingsError for a list that is no JSON; pydantic-settings would name its section alone."""
    for name, field in variables_of(model):
        if get_origin(field.annotation) is not tuple or name not in environment:
            continue
        try:
            json.loads(environment[name])
        except ValueError:
            raise SettingsError(f'{name} is no JSON list: write it as ["one", "two"]') from None


def _sentences(model: type[BaseModel], problem: Any) -> list[str]:
    variable = PREFIX + "__".join(str(part) for part in problem["loc"]).upper()
    if problem["type"] == "missing":
        return [_missing(name, field) for name, field in variables_of(model) if _is_asked(name, field, variable)]
    if problem["type"] == "extra_forbidden":
        return [f"{variable} is no setting: remove it or correct its name"]
    return [f"{variable}: {problem['msg']}"]


def _is_asked(name: str, field: FieldInfo, variable: str) -> bool:
    return field.is_required() and (name == variable or name.startswith(f"{variable}__"))


def _missing(name: str, field: FieldInfo) -> str:
    either = f"{name} or {name}_FILE" if is_secret(field) else name
    return f"{either} is not set: {field.description}"


def _exit(problems: list[str]) -> NoReturn:
    for problem in problems:
        sys.stderr.write(f"settings: {problem}\n")
    raise SystemExit(EX_CONFIG)
