from hypothesis import given
from hypothesis import strategies as st

from grantkeeper.crypto.at_rest import AtRest
from grantkeeper.crypto.ring import VaultRing

AT_REST = AtRest(VaultRing.new("r1"))
texts = st.text(st.characters(codec="utf-8"), max_size=60)


@given(texts, texts, texts, texts)
def test_any_secret_opens_in_any_place(secret: str, collection: str, document: str, field: str) -> None:
    value = AT_REST.encrypt(secret, collection=collection, document=document, field=field)
    opened = AT_REST.decrypt(value, collection=collection, document=document, field=field)
    assert opened.get_secret_value() == secret
