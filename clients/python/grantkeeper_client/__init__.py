"""Gets access tokens from Grantkeeper over Apache Kafka.

async with Grantkeeper("mail-1.credential.json") as grantkeeper:
    token = await grantkeeper.get_access_token("Support mailbox", min_validity=120)
"""

from ._codec import Envelope, decode, encode, format_time
from ._credentials import (
    PRINCIPAL_ID,
    Credential,
    dump_credential,
    load_credential,
    parse_credential,
    read_private_file,
)
from ._exceptions import (
    CredentialError,
    GrantkeeperError,
    MalformedMessage,
    NoReply,
    ReplyError,
    SaslError,
    SealError,
)
from ._sealing import (
    open_for_installation,
    open_for_principal,
    seal_for_principal,
    seal_to_installation,
    sealed_binding,
)
from ._signing import SignatureParts, SigningKey, parse_signature, sign, verify

__all__ = [
    "PRINCIPAL_ID",
    "Credential",
    "CredentialError",
    "Envelope",
    "GrantkeeperError",
    "MalformedMessage",
    "NoReply",
    "ReplyError",
    "SaslError",
    "SealError",
    "SignatureParts",
    "SigningKey",
    "decode",
    "dump_credential",
    "encode",
    "format_time",
    "load_credential",
    "open_for_installation",
    "open_for_principal",
    "parse_credential",
    "parse_signature",
    "read_private_file",
    "seal_for_principal",
    "seal_to_installation",
    "sealed_binding",
    "sign",
    "verify",
]
