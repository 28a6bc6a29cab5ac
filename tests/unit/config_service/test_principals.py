from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grantkeeper.process.settings import SettingsError
from schemas.config_commands import PrincipalAdd, PrincipalDisable
from services.config_service.domain.principals import (
    MOST_CONFIGS,
    PrincipalChange,
    PrincipalDecision,
    StoredPrincipal,
    add,
    disable,
)
from services.config_service.domain.values import Refusal
from services.config_service.principals_file import read_principals
from tests.unit.config_service.stored import CONFIG_ID, OTHER_ID


def wanted(principal: str = "mail-1", role: str = "mail", **fields: Any) -> PrincipalAdd:
    return PrincipalAdd.model_validate({"principal": principal, "role": role, **fields})


def change(decision: PrincipalDecision) -> PrincipalChange:
    assert isinstance(decision, PrincipalChange), decision
    return decision


def test_a_new_principal_starts_with_version_one() -> None:
    one = change(add(None, wanted(configs=(OTHER_ID, CONFIG_ID, CONFIG_ID)), last_admin=False)).after
    assert (one.version, one.sequence, one.disabled, one.configs) == (1, 1, False, (CONFIG_ID, OTHER_ID))


def test_adding_it_again_changes_nothing_or_what_differs() -> None:
    one = change(add(None, wanted(), last_admin=False)).after
    assert not change(add(one, wanted(), last_admin=False)).stores
    changed = change(add(one, wanted(description="Postfix"), last_admin=False)).after
    assert (changed.description, changed.version, changed.sequence) == ("Postfix", 1, 2)


def test_a_disabled_one_comes_back_with_a_raised_version() -> None:
    one = change(add(None, wanted(), last_admin=False)).after
    off = change(disable(one, PrincipalDisable(principal="mail-1"), last_admin=False)).after
    assert (off.disabled, off.version, off.sequence) == (True, 1, 2)
    back = change(add(off, wanted(), last_admin=False)).after
    assert (back.disabled, back.version, back.sequence) == (False, 2, 3)


def test_what_was_changed_since_it_was_seen_is_not_overwritten() -> None:
    seen = change(add(None, wanted(configs=(CONFIG_ID, OTHER_ID)), last_admin=False)).after
    restricted = change(add(seen, wanted(configs=(CONFIG_ID,)), last_admin=False)).after
    off = change(disable(seen, PrincipalDisable(principal="mail-1", expected_sequence=1), last_admin=False)).after
    edited = wanted(configs=(CONFIG_ID, OTHER_ID), description="Help desk", expected_sequence=1)
    for stored in (restricted, off):
        refused = add(stored, edited, last_admin=False)
        assert isinstance(refused, Refusal)
        assert (refused.code, refused.facts) == ("revision_conflict", {"sequence": 2})
    late = disable(restricted, PrincipalDisable(principal="mail-1", expected_sequence=1), last_admin=False)
    assert isinstance(late, Refusal)
    assert change(add(seen, edited, last_admin=False)).after.description == "Help desk"


def test_of_two_who_register_one_id_the_second_is_refused() -> None:
    first = change(add(None, wanted(expected_sequence=0), last_admin=False)).after
    assert isinstance(add(first, wanted(role="admin", expected_sequence=0), last_admin=False), Refusal)


def test_disabling_twice_changes_nothing() -> None:
    off = StoredPrincipal("mail-1", "mail", disabled=True)
    assert not change(disable(off, PrincipalDisable(principal="mail-1"), last_admin=False)).stores


def test_an_unknown_one_cannot_be_disabled() -> None:
    decision = disable(None, PrincipalDisable(principal="nobody"), last_admin=False)
    assert isinstance(decision, Refusal)
    assert decision.code == "not_found"


def test_the_last_admin_can_be_neither_disabled_nor_demoted() -> None:
    admin = StoredPrincipal("admin", "admin")
    assert isinstance(disable(admin, PrincipalDisable(principal="admin"), last_admin=True), Refusal)
    assert isinstance(add(admin, wanted("admin", "mail"), last_admin=True), Refusal)
    assert change(add(admin, wanted("admin", "admin", description="me"), last_admin=True)).stores


def test_only_a_mail_principal_has_a_list_of_configs() -> None:
    decision = add(None, wanted(role="admin", configs=(CONFIG_ID,)), last_admin=False)
    assert isinstance(decision, Refusal)
    assert decision.details[0].field == "configs"


def test_a_list_of_configs_has_a_bound() -> None:
    many = tuple(f"01900000-0000-7000-8000-{number:012d}" for number in range(MOST_CONFIGS + 1))
    assert isinstance(add(None, wanted(configs=many), last_admin=False), Refusal)
    assert change(add(None, wanted(configs=many[1:]), last_admin=False)).stores


def test_what_is_announced_holds_the_whole_state() -> None:
    one = replace(StoredPrincipal("console", "admin", acts_for_users=True), version=3, sequence=7)
    message = one.message()
    assert (message.principal, message.role, message.version, message.sequence) == ("console", "admin", 3, 7)
    assert message.acts_for_users


def test_the_mounted_list_is_read_in_yaml_and_json(tmp_path: Path) -> None:
    path = tmp_path / "principals.yaml"
    path.write_text("- {principal: admin, role: admin}\n- {principal: mail-1, role: mail, configs: []}\n")
    assert [one.principal for one in read_principals(path)] == ["admin", "mail-1"]
    path.write_text('[{"principal": "console", "role": "admin", "acts_for_users": true}]')
    assert read_principals(path)[0].acts_for_users


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("principal: admin", "must be a list"),
        ("- {principal: admin, role: boss}", "principal 1: role"),
        ("- {principal: Admin, role: admin}", "principal 1: principal"),
        ("- {principal: a, role: mail}\n- {principal: a, role: mail}", "principal a stands there twice"),
        ("- {principal: a, role: mail, key: x}", "principal 1: key"),
        ("- [", "is not YAML"),
    ],
)
def test_a_list_that_is_wrong_is_named_with_the_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "principals.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=message):
        read_principals(path)


def test_a_list_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"GRANTKEEPER_PRINCIPALS_FILE.*mount the file"):
        read_principals(tmp_path / "none.yaml")
