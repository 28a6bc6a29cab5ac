"""What the stack keeps encrypted, opened with the stack's own ring."""

from pymongo import MongoClient

from devstack.layout import Layout
from grantkeeper.crypto.at_rest import AtRest
from grantkeeper.crypto.ring import VaultRing

DATABASE = "grantkeeper"


def stored_refresh_token(layout: Layout, mongo_uri: str, config_id: str) -> str:
    """The refresh token of a grant as the provider gave it."""
    ring = VaultRing.from_file(layout.rings / "vault.ring.json")
    with MongoClient[dict[str, object]](mongo_uri) as client:
        document = client[DATABASE]["grants"].find_one({"_id": config_id})
    assert document is not None
    grant = document["grant"]
    assert isinstance(grant, dict)
    opened = AtRest(ring).decrypt(
        grant["refresh_token"], collection="grants", document=config_id, field="refresh_token"
    )
    return opened.get_secret_value()
