"""Whatever a history of edits is: the text reads as the parsed form, and the numbers rise by one."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from grantkeeper.names import name_key
from schemas.config_commands import ConfigUpdate, FieldEdits
from services.config_service import document
from services.config_service.domain import edits
from services.config_service.domain.difference import MASK, difference
from services.config_service.domain.values import Change
from tests.unit.config_service.stored import ANNA, CONFIG_ID, config, sealed, stored

texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs", "Cn", "Co")), min_size=1, max_size=40
)
fields = st.fixed_dictionaries(
    {},
    optional={
        "name": texts,
        "scope": texts,
        "notify_expired_token": st.booleans(),
        "notify_expired_refresh_token": st.booleans(),
        "extra": st.dictionaries(st.sampled_from(["LoginHint", "Tenant", "x.y", "a-b"]), texts, max_size=3),
    },
)


@settings(max_examples=60, deadline=None)
@given(st.lists(fields, max_size=6))
def test_any_history_of_form_edits_stays_readable_and_numbered(history: list[dict[str, Any]]) -> None:
    one = stored(config(options={"client_authentication": "none"}))
    for given_fields in history:
        edit = FieldEdits.model_validate(given_fields)
        command = ConfigUpdate(config_id=CONFIG_ID, expected_revision=one.revision, fields=edit)
        decision = edits.update(one, command, ANNA)
        if not isinstance(decision, Change):
            continue
        after = decision.after
        assert document.read(after.text).config == after.config
        assert after.revision == one.revision + decision.stores
        assert after.sequence == after.revision
        assert bool(decision.changed) is decision.stores
        keys = [name_key(name) for name in after.held_names]
        assert len(set(keys)) == len(keys)
        one = after


@given(st.text(), st.text())
def test_the_difference_shows_no_secret(before: str, after: str) -> None:
    secret = sealed(config())
    lines = difference(f"{before}\nClientSecret: {secret}\n{after}", f"{after}\nClientSecret: {secret}x\n{before}")
    assert all(secret not in line for line in lines)
    assert difference(f"a: {secret}", "a: sealed:other") == ()
    assert difference(f"a: {secret}", "a:") == ("@@ -1 +1 @@", f"-a: {MASK}", "+a:")
