from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from schemas.config_commands import ConfigCreate, ConfigUpdate, FieldEdits
from services.config_service import document
from services.config_service.domain import edits
from services.config_service.domain.values import Author, Change, Decision, Refusal, StoredConfig
from tests.unit.config_service.stored import ANNA, CONFIG_ID, NOW, TOKEN_URL, config, sealed, stored, with_secret

BERT = Author("bert", "bert", NOW + timedelta(hours=1))


def change(decision: Decision) -> Change:
    assert isinstance(decision, Change), decision
    return decision


def refusal(decision: Decision) -> Refusal:
    assert isinstance(decision, Refusal), decision
    return decision


def update(one: StoredConfig, **fields: Any) -> Decision:
    edit = FieldEdits.model_validate(fields)
    command = ConfigUpdate(config_id=CONFIG_ID, expected_revision=one.revision, fields=edit)
    return edits.update(one, command, BERT)


def _update(fields: FieldEdits) -> ConfigUpdate:
    return ConfigUpdate.model_construct(config_id=CONFIG_ID, expected_revision=1, fields=fields, text=None)


def replaced(one: StoredConfig, text: str) -> Decision:
    return edits.update(one, ConfigUpdate(config_id=CONFIG_ID, expected_revision=one.revision, text=text), BERT)


def test_a_config_starts_as_its_template_with_the_admins_fields() -> None:
    template = config(name="Example provider", client_id=None)
    given = FieldEdits(name=" My   mail ", client_id="app", client_secret=sealed(config()))
    command = ConfigCreate(config_id=CONFIG_ID, template="example", fields=given)
    one = change(edits.create(command, template, ANNA))
    assert (one.after.config.name, one.after.config.template, one.after.revision) == ("My mail", "Example provider", 1)
    assert document.read(one.after.text).config == one.after.config
    assert (one.action, one.before, one.new_login) == ("created", None, "no")


@pytest.mark.parametrize("key", ["TemplateName", "ClientID", "ClientSecret", "Requests", "Grantkeeper", "Scope"])
def test_no_further_key_takes_the_place_of_one_of_the_format(key: str) -> None:
    """The template is fixed once saved, and a secret comes sealed: neither is to be got round by `extra`."""
    one = refusal(update(stored(), extra={"LoginHint": "x", key: "other"}))
    assert one.code == "invalid_field"
    assert one.details[0].field == f"fields.extra.{key}"
    assert one.details[0].cure
    created = ConfigCreate(config_id=CONFIG_ID, template="t", fields=FieldEdits(name="New", extra={key: "other"}))
    assert refusal(edits.create(created, config(), ANNA)).details == one.details


def test_a_copy_keeps_the_sealed_secret() -> None:
    original = stored()
    command = ConfigCreate(config_id=CONFIG_ID, copy_of=CONFIG_ID, fields=FieldEdits(name="Copy"))
    one = change(edits.create(command, original.config, ANNA, original.text))
    assert one.after.config.client_secret == original.config.client_secret
    assert one.action == "copied"


def test_an_edit_makes_the_next_revision_and_says_what_changed() -> None:
    one = change(update(stored(), scope="mail.send", notify_expired_token=True))
    assert (one.after.revision, one.after.sequence, one.after.changed_by) == (2, 2, "bert")
    assert one.changed == ("notify_expired_token", "scope")
    assert one.after.created_by == "anna"


def test_it_is_known_since_when_the_client_secret_is_the_one_it_is() -> None:
    first = stored()
    assert first.secret_set_at == NOW
    renamed = change(update(first, name="Sales")).after
    assert renamed.secret_set_at == NOW
    replaced_secret = change(update(renamed, client_secret=sealed(config(), "other"))).after
    assert replaced_secret.secret_set_at == BERT.at
    assert change(update(replaced_secret, clear=("client_secret",))).after.secret_set_at is None


def test_an_edit_that_changes_nothing_makes_no_revision() -> None:
    before = stored()
    one = change(update(before, scope=before.config.scope))
    assert not one.stores
    assert one.after is before


def test_a_stale_edit_is_refused_with_the_current_revision() -> None:
    before = replace(stored(), revision=5)
    command = ConfigUpdate(config_id=CONFIG_ID, expected_revision=4, fields=FieldEdits(scope="x"))
    refused = refusal(edits.update(before, command, BERT))
    assert (refused.code, refused.facts["revision"], refused.facts["changed_by"]) == ("revision_conflict", 5, "anna")


@pytest.mark.parametrize("name", ["\x00", "bell\x07inside", "   ", "zero\u200bwidth", "x" * 250 + "\u0301\u0302"])
def test_a_name_that_cannot_be_is_refused_by_field_and_cure(name: str) -> None:
    fields = FieldEdits.model_construct(name=name, clear=())  # longer than the schema lets in
    refused = refusal(edits.update(stored(), _update(fields), BERT))
    assert (refused.code, refused.details[0].field) == ("invalid_field", "fields.name")
    assert refused.details[0].cure


@pytest.mark.parametrize(
    "name", ["Müller / Söhne", "a:b#c 'd' \"e\"", "- x", "{}", "null", "~", "0123", "日本", "x" * 250]
)
def test_a_name_comes_back_from_the_text_as_it_was_given(name: str) -> None:
    one = change(update(stored(), name=name))
    assert one.after.config.name == name
    again = document.read(one.after.text).config
    assert again is not None
    assert again.name == name


def test_the_old_name_keeps_resolving_and_comes_back() -> None:
    renamed = change(update(stored(), name="Sales")).after
    assert (renamed.former_names, renamed.held_names) == (("Support",), ("Sales", "Support"))
    twice = change(update(renamed, name="Marketing")).after
    assert twice.former_names == ("Support", "Sales")
    back = change(update(twice, name="support")).after
    assert back.former_names == ("Sales", "Marketing")


def test_another_case_of_the_same_name_leaves_no_former_one() -> None:
    assert change(update(stored(), name="SUPPORT")).after.former_names == ()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"validity": "invalid"}, "no"),
        ({"scope": "offline_access mail.read"}, "no"),
        ({"scope": "mail.send"}, "advised"),
        ({"requests": {"TokenByRefreshToken": {"url": "https://idp.example.test/other", "parameters": {}}}}, "no"),
    ],
)
def test_what_an_edit_means_for_the_grant(fields: dict[str, Any], expected: str) -> None:
    base = config(options={"client_authentication": "none"})
    one = change(update(stored(base), **fields)) if "requests" not in fields else None
    if one is None:
        block = base.requests["TokenByRefreshToken"].model_copy(update={"url": "https://idp.example.test/other"})
        one = change(update(stored(base), requests={"TokenByRefreshToken": block.model_dump()}))
    assert one.new_login == expected


def test_another_mailbox_login_is_warned_of_and_the_same_or_none_is_not() -> None:
    def warned(before: str | None, after: str | None) -> list[str]:
        base = config(options={"client_authentication": "none", "mailbox_login": before})
        options = base.options.model_copy(update={"mailbox_login": after})
        one = change(update(stored(base), options=options.model_dump(mode="json"), scope="other"))
        return [found.message for found in one.findings if found.code == "other_mailbox"]

    (message,) = warned("a@example.test", "b@example.test")
    assert "log in to the mailbox as b@example.test at once" in message
    assert warned("a@example.test", "a@example.test") == warned("a@example.test", None) == []


def test_another_client_id_asks_for_the_secret_and_then_for_a_new_login() -> None:
    before = stored()
    refused = refusal(update(before, client_id="other"))
    assert refused.code == "invalid_field"
    assert "another client id" in refused.message
    assert refused.details[0].field == "Config.ClientSecret"
    assert "Type the client secret again" in refused.details[0].cure
    secret = sealed(config(client_id="other"))
    one = change(update(before, client_id="other", client_secret=secret))
    assert one.new_login == "required"


def test_another_host_of_the_token_endpoint_asks_for_the_secret_again() -> None:
    before = stored()
    blocks = {
        kind: before.config.requests[kind].model_copy(update={"url": "https://evil.example.test/token"}).model_dump()
        for kind in ("TokenByAuthorizationCode", "TokenByRefreshToken")
    }
    refused = refusal(update(before, requests=blocks))
    assert "another host" in refused.message


def test_a_secret_sealed_for_another_use_is_refused() -> None:
    from grantkeeper_client import seal_to_installation
    from tests.unit.config_service.stored import VAULT

    bound = {"config_id": CONFIG_ID}
    secret = seal_to_installation(VAULT.installation_public_jwk(), "x", use="refresh_token", bound=bound)
    refused = refusal(update(stored(), client_secret=secret))
    assert "another use" in refused.message


def test_a_damaged_secret_is_refused() -> None:
    refused = refusal(update(stored(), client_secret="sealed:abc"))
    assert "damaged" in refused.message


def test_a_field_cannot_be_given_and_cleared() -> None:
    refused = refusal(update(stored(), scope="x", clear=("scope",)))
    assert refused.details[0].field == "fields.scope"


def test_a_cleared_field_is_empty() -> None:
    one = change(update(stored(), clear=("scope",)))
    assert one.after.config.scope is None


def test_a_text_is_kept_as_it_was_received() -> None:
    before = stored()
    text = before.text + "# by hand\n"
    one = change(replaced(before, text))
    assert (one.after.text, one.changed, one.rewritten) == (text, ("text",), False)


BY_HAND = "# ours\n" + document.write(with_secret(config())).replace("Scope:", "# see the wiki\n  Scope:")


@pytest.mark.parametrize("text", [BY_HAND, "- " + BY_HAND.partition("\n")[2].replace("\n", "\n  ").rstrip() + "\n"])
def test_single_values_are_edited_in_place_and_comments_stay(text: str) -> None:
    read = document.read(text).config
    assert read is not None
    before = stored(read, text=text)
    one = change(update(before, name="Sales", validity="invalid", scope="x: y", notify_expired_token=True))
    assert "# see the wiki" in one.after.text
    assert not one.rewritten
    assert document.read(one.after.text).config == one.after.config
    assert (one.after.config.name, one.after.config.validity, one.after.config.scope) == ("Sales", "invalid", "x: y")


def test_an_edit_of_more_writes_the_text_anew_and_says_that_comments_are_gone() -> None:
    by_hand = stored(text=BY_HAND)
    one = change(update(by_hand, options={"keep_alive_days": 30}))
    assert one.rewritten
    assert "# see the wiki" not in one.after.text
    assert not change(update(stored(), options={"keep_alive_days": 30})).rewritten


def test_a_value_without_a_place_in_the_text_writes_it_anew() -> None:
    text = BY_HAND.replace("  Notifications:\n    NotifyOnExpiredToken: 0\n    NotifyOnExpiredRefreshToken: 1\n", "")
    one = change(update(stored(text=text), notify_expired_token=True))
    assert one.rewritten
    assert one.after.config.notify_expired_token


def test_the_template_is_fixed_once_saved() -> None:
    before = stored()
    text = document.write(before.config.model_copy(update={"template": "Another"}))
    refused = refusal(replaced(before, text))
    assert (refused.code, refused.details[0].field) == ("invalid_field", "Config.TemplateName")


def test_a_plain_secret_in_a_text_is_refused_as_such_before_anything_else() -> None:
    text = document.write(config()).replace("ClientSecret:", "ClientSecret: hunter2")
    refused = refusal(replaced(stored(), text.replace("https://idp", "http://idp")))
    assert refused.code == "plain_secret"
    assert "hunter2" not in repr(refused)


def test_text_that_is_no_yaml_is_refused_by_line_and_column() -> None:
    refused = refusal(replaced(stored(), "Name: [\n"))
    assert refused.code == "invalid_field"
    assert refused.details[0].line is not None


def test_a_delete_can_be_taken_back_with_its_former_names() -> None:
    renamed = change(update(stored(), name="Sales")).after
    gone = change(edits.delete(renamed, None, BERT)).after
    assert (gone.deleted_at, gone.held_names, gone.resolving_names) == (BERT.at, ("Sales",), ())
    back = change(edits.undelete(gone, frozenset(), ANNA)).after
    assert (back.deleted_at, back.former_names, back.revision) == (None, ("Support",), 4)


def test_a_former_name_that_others_took_meanwhile_is_lost_and_told() -> None:
    renamed = change(update(stored(), name="Sales")).after
    gone = change(edits.delete(renamed, None, BERT)).after
    one = change(edits.undelete(gone, frozenset({"support"}), ANNA))
    assert one.after.former_names == ()
    assert [finding.code for finding in one.findings] == ["former_name_lost"]


def test_deleting_twice_is_deleting_once() -> None:
    gone = change(edits.delete(stored(), None, BERT)).after
    assert not change(edits.delete(gone, None, ANNA)).stores
    assert not change(edits.undelete(stored(), frozenset(), ANNA)).stores


def test_a_deleted_config_cannot_be_edited() -> None:
    gone = change(edits.delete(stored(), None, BERT)).after
    assert refusal(update(gone, scope="x")).code == "deleted"
    assert refusal(edits.set_validity(gone, "invalid", None, BERT)).code == "deleted"


def test_a_former_name_can_be_released_and_the_current_one_cannot() -> None:
    renamed = change(update(stored(), name="Sales")).after
    freed = change(edits.release_name(renamed, "  SUPPORT ", BERT)).after
    assert freed.held_names == ("Sales",)
    assert refusal(edits.release_name(freed, "Sales", BERT)).code == "invalid_field"
    assert refusal(edits.release_name(freed, "Support", BERT)).code == "not_found"


def test_a_deleted_config_can_give_up_its_name() -> None:
    gone = change(edits.delete(stored(), None, BERT)).after
    freed = change(edits.release_name(gone, "Support", BERT)).after
    assert freed.held_names == ()
    back = change(edits.undelete(freed, frozenset(), BERT)).after
    assert back.held_names == ("Support",)


def test_client_credentials_never_need_a_login() -> None:
    block = {
        "url": TOKEN_URL,
        "parameters": {"grant_type": "client_credentials"},
        "autofill": {"client_id": "ClientID", "client_secret": "ClientSecret", "scope": "Scope"},
        "response": {"access_token": "Token", "expires_in": "TokenExpirationDate"},
    }
    base = config(auth_flow="ClientCredentials", requests={"TokenByClientCredentials": block})
    before = stored(with_secret(base))
    secret = sealed(base.model_copy(update={"client_id": "other"}))
    assert change(update(before, client_id="other", client_secret=secret)).new_login == "no"


def test_a_hundred_former_names_are_enough() -> None:
    names = tuple(f"Name {number}" for number in range(edits.MOST_FORMER_NAMES))
    refused = refusal(update(replace(stored(), former_names=names), name="One more"))
    assert (refused.code, refused.details[0].field) == ("invalid_field", "Name")
    assert change(update(replace(stored(), former_names=names), scope="x")).after.former_names == names
