"""Gets access tokens from Grantkeeper over Apache Kafka.

async with Grantkeeper("mail-1.credential.json") as grantkeeper:
    token = await grantkeeper.get_access_token("Support mailbox", min_validity=120)
"""

from ._ask import Answer, Asker
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
from ._sasl import oauthbearer, pop3_two_lines, xoauth2
from ._sealing import (
    open_for_installation,
    open_for_principal,
    seal_for_principal,
    seal_to_installation,
    sealed_binding,
    sealed_key_id,
)
from ._security import kafka_security
from ._signing import SignatureParts, SigningKey, parse_signature, sign, verify
from ._tokens import AccessToken, Grantkeeper, open_access_token

__all__ = [
    "PRINCIPAL_ID",
    "AccessToken",
    "Answer",
    "Asker",
    "Credential",
    "CredentialError",
    "Envelope",
    "Grantkeeper",
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
    "kafka_security",
    "load_credential",
    "oauthbearer",
    "open_access_token",
    "open_for_installation",
    "open_for_principal",
    "parse_credential",
    "parse_signature",
    "pop3_two_lines",
    "read_private_file",
    "seal_for_principal",
    "seal_to_installation",
    "sealed_binding",
    "sealed_key_id",
    "sign",
    "verify",
    "xoauth2",
]
