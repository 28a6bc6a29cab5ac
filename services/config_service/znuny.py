"""The YAML format, key by key: Znuny's records, with `Config.Grantkeeper` for what they cannot say.

The one table of names for both ways. Reading keeps what it does not know out of the config but never refuses it: the
text is stored as it came. Writing starts from the record that was there, so that keys unknown to us stay.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, get_args

from grantkeeper.oauth2.parameters import flow_of
from grantkeeper.strict_yaml import Node, Path
from schemas.token_config import Options, Parameters, RequestBlock, RequestType, TokenConfig, Validity
from services.config_service.notes import Notes

VALID_IDS: Final[Mapping[str, Validity]] = MappingProxyType({"1": "valid", "2": "invalid", "3": "invalid-temporarily"})
PROVENANCE: Final = ("ChangeBy", "ChangeTime", "CreateBy", "CreateTime", "ID", "dbcrud_uuid")
"""Who and when in the system a record comes from; kept in the text, never believed."""
NO_TEMPLATE: Final = "Custom"
"""Template of a record that names none."""

CONFIG: Final = "Config"
GRANTKEEPER: Final = "Grantkeeper"
REQUEST_TYPES: Final[tuple[RequestType, ...]] = get_args(RequestType)
CONFIG_KEYS: Final = MappingProxyType(
    {
        "template": "TemplateName",
        "auth_flow": "AuthFlow",
        "client_id": "ClientID",
        "client_secret": "ClientSecret",
        "scope": "Scope",
    }
)
NOTIFICATION_KEYS: Final = MappingProxyType(
    {
        "notify_expired_token": "NotifyOnExpiredToken",
        "notify_expired_refresh_token": "NotifyOnExpiredRefreshToken",
    }
)
BLOCK_KEYS: Final = MappingProxyType(
    {
        "url": ("Request", "URL"),
        "parameters": ("Request", "Parameters"),
        "autofill": ("Request", "AutofilledParametersMapping"),
        "response": ("Response", "ParametersMapping"),
    }
)
OPTION_KEYS: Final = MappingProxyType(
    {
        "issuer": "Issuer",
        "discovery": "Discovery",
        "issuer_check": "IssuerCheck",
        "client_authentication": "ClientAuthentication",
        "rsa_algorithm": "RsaAlgorithm",
        "pkce": "PKCE",
        "rotation": "Rotation",
        "refresh_margin": "RefreshMargin",
        "keep_alive_days": "KeepAliveDays",
        "refresh_token_idle_days": "RefreshTokenIdleDays",
        "refresh_token_max_days": "RefreshTokenMaxDays",
        "default_expires_in": "DefaultExpiresIn",
        "client_secret_ends": "ClientSecretEnds",
        "revocation_endpoint": "RevocationEndpoint",
        "device_authorization_endpoint": "DeviceAuthorizationEndpoint",
        "mailbox_login": "MailboxLogin",
        "mechanism": "Mechanism",
        "servers": "Servers",
        "redirect_slug": "RedirectSlug",
        "setup_hint": "SetupHint",
    }
)
SERVER_KEYS: Final = MappingProxyType({"imap": "IMAP", "pop3": "POP3", "smtp": "SMTP"})
OWN_KEYS: Final = frozenset({*CONFIG_KEYS.values(), "Notifications", "Requests", GRANTKEEPER})
"""Keys of `Config` with a meaning of their own: no further key may have such a name."""


_PLACES: Final[Mapping[str, Path]] = MappingProxyType(
    {
        "name": ("Name",),
        "validity": ("ValidID",),
        **{field: (CONFIG, key) for field, key in CONFIG_KEYS.items()},
        **{field: (CONFIG, "Notifications", key) for field, key in NOTIFICATION_KEYS.items()},
    }
)


def yaml_path(location: tuple[int | str, ...]) -> Path:
    """Translate a place in a TokenConfig (as pydantic names it) to its path in the YAML."""
    field, *rest = (str(step) for step in location or ("",))
    if field == "requests" and rest[1:]:
        return (CONFIG, "Requests", rest[0], *BLOCK_KEYS.get(rest[1], (rest[1],)), *rest[2:3])
    if field == "options" and rest:
        server = [SERVER_KEYS.get(name, name) for name in rest[1:2]]
        return (CONFIG, GRANTKEEPER, OPTION_KEYS.get(rest[0], rest[0]), *server)
    if field == "extra":
        return (CONFIG, *rest[:1])
    return _PLACES.get(field, (CONFIG, field.capitalize(), *rest[:1]))


def fields_of(record: Mapping[str, Node], notes: Notes) -> dict[str, Any]:
    """Read a record into the fields of a TokenConfig, still untyped; what is wrong or odd goes to `notes`."""
    for key in record.keys() - {"Name", CONFIG, "ValidID", *PROVENANCE}:
        notes.unknown_key((key,))
    config = notes.mapping(record.get(CONFIG), (CONFIG,))
    fields: dict[str, Any] = {field: config[key] for field, key in CONFIG_KEYS.items() if _given(config.get(key))}
    fields |= {"name": record.get("Name"), "validity": _validity(record.get("ValidID"), notes)}
    fields.setdefault("template", NO_TEMPLATE)
    fields |= _notifications(config.get("Notifications"), notes)
    fields["requests"] = _requests(config.get("Requests"), notes)
    fields.setdefault("auth_flow", flow_of(fields["requests"]))
    fields["extra"] = _extra(config, notes)
    fields["options"] = _options(config.get(GRANTKEEPER), notes)
    return fields


def _validity(given: Node, notes: Notes) -> Validity:
    if given is None:
        return "valid"
    found = VALID_IDS.get(given) if isinstance(given, str) else None
    if found is None:
        message = "This ValidID is unknown here; the token counts as valid."
        notes.warning("unknown_valid_id", ("ValidID",), message, "Write 1 (valid), 2 (invalid) or 3 (temporarily).")
    return found or "valid"


def _notifications(node: Node, notes: Notes) -> dict[str, Any]:
    path = (CONFIG, "Notifications")
    given = notes.mapping(node, path)
    for key in given.keys() - set(NOTIFICATION_KEYS.values()):
        notes.unknown_key((*path, key))
    return {field: given[key] for field, key in NOTIFICATION_KEYS.items() if given.get(key) is not None}


def _requests(node: Node, notes: Notes) -> dict[str, dict[str, Any]]:
    path = (CONFIG, "Requests")
    found: dict[str, dict[str, Any]] = {}
    for kind, block in notes.mapping(node, path).items():
        if kind in REQUEST_TYPES:
            found[kind] = _block(block, (*path, kind), notes)
        else:
            message, cure = "This type of request is unknown and never made.", f"Known are {', '.join(REQUEST_TYPES)}."
            notes.warning("unknown_request_type", (*path, kind), message, cure)
    return found


def _block(node: Node, path: Path, notes: Notes) -> dict[str, Any]:
    block = notes.mapping(node, path)
    parts = {part: notes.mapping(block.get(part), (*path, part)) for part in ("Request", "Response")}
    known = set(BLOCK_KEYS.values())
    for unknown in [(key,) for key in block.keys() - parts.keys()] + [
        (part, key) for part, content in parts.items() for key in content if (part, key) not in known
    ]:
        notes.unknown_key((*path, *unknown))
    values: dict[str, Any] = {"url": parts["Request"].get("URL") or None}
    for field in ("parameters", "autofill", "response"):
        part, key = BLOCK_KEYS[field]
        values[field] = _texts(parts[part].get(key), (*path, part, key), notes)
    return values


def _texts(node: Node, path: Path, notes: Notes) -> Parameters:
    texts: Parameters = {}
    for key, value in notes.mapping(node, path).items():
        if isinstance(value, str):
            texts[key] = value
            notes.check_key((*path, key))
        elif value is not None:
            notes.error("not_a_text", (*path, key), "Here stands more than one value.", "Write one value.")
    return texts


def _extra(config: Mapping[str, Node], notes: Notes) -> Parameters:
    extra: Parameters = {}
    for key, value in config.items():
        if key in OWN_KEYS or value is None:
            continue
        if isinstance(value, str):
            extra[key] = value
            notes.check_key((CONFIG, key))
        else:
            notes.unknown_key((CONFIG, key))
    return extra


def _options(node: Node, notes: Notes) -> dict[str, Any]:
    path = (CONFIG, GRANTKEEPER)
    given = notes.mapping(node, path)
    for key in given.keys() - set(OPTION_KEYS.values()):
        cure = f"Known are {', '.join(sorted(OPTION_KEYS.values()))}."
        notes.error("unknown_option", (*path, key), "There is no such option.", cure)
    options = {field: given[key] for field, key in OPTION_KEYS.items() if _given(given.get(key))}
    if "servers" in options:
        servers = notes.mapping(options["servers"], (*path, "Servers"))
        for key in servers.keys() - set(SERVER_KEYS.values()):
            notes.error(
                "unknown_option", (*path, "Servers", key), "There is no such server.", "Known: IMAP, POP3, SMTP."
            )
        options["servers"] = {name: servers[key] for name, key in SERVER_KEYS.items() if servers.get(key) is not None}
    return options


def record_of(config: TokenConfig, base: Mapping[str, Node] = MappingProxyType({})) -> dict[str, Node]:
    """Write a config as a record; keys of `base` that we do not know stay where they are."""
    record: dict[str, Node] = {**base, "Name": config.name}
    record[CONFIG] = _config_of(config, _mapping(base.get(CONFIG)))
    record["ValidID"] = next(key for key, validity in VALID_IDS.items() if validity == config.validity)
    return record


def _config_of(config: TokenConfig, base: Mapping[str, Node]) -> dict[str, Node]:
    unknown = {key: value for key, value in base.items() if key not in OWN_KEYS and isinstance(value, dict | list)}
    written: dict[str, Node] = {key: getattr(config, field) for field, key in CONFIG_KEYS.items()}
    written |= config.extra
    written["Notifications"] = {
        **_mapping(base.get("Notifications")),
        **{key: _switch(getattr(config, field)) for field, key in NOTIFICATION_KEYS.items()},
    }
    given = _mapping(base.get("Requests"))
    others = {kind: block for kind, block in given.items() if kind not in REQUEST_TYPES}
    blocks: dict[str, Node] = {kind: _block_of(one, _mapping(given.get(kind))) for kind, one in config.requests.items()}
    written["Requests"] = {**others, **blocks}
    options = _options_of(config.options)
    if options:
        written[GRANTKEEPER] = options
    return written | unknown


def _block_of(block: RequestBlock, base: Mapping[str, Node]) -> dict[str, Node]:
    request = _mapping(base.get("Request"))
    response = _mapping(base.get("Response"))
    request |= {"URL": block.url, "Parameters": dict(block.parameters)}
    request["AutofilledParametersMapping"] = dict(block.autofill)
    response["ParametersMapping"] = dict(block.response)
    return {**base, "Request": request, "Response": response}


def _options_of(options: Options) -> dict[str, Node]:
    written: dict[str, Node] = {}
    for field, value in options.model_dump(mode="json", exclude_defaults=True).items():
        if isinstance(value, dict):
            written[OPTION_KEYS[field]] = {SERVER_KEYS[name]: text for name, text in value.items()}
        else:
            written[OPTION_KEYS[field]] = _switch(value) if isinstance(value, bool) else str(value)
    return written


def _switch(on: bool) -> str:  # noqa: FBT001  # the value itself
    return "1" if on else "0"


def _given(node: Node) -> bool:
    return node is not None and node != ""


def _mapping(node: Node) -> dict[str, Node]:
    return dict(node) if isinstance(node, dict) else {}
