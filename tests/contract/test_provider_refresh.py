"""Refresh tokens under each rotation rule, asked of our provider and the certified one alike."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.partners.fixtures import only_partners
from tests.partners.partner import Partner

forgiving = only_partners(lambda traits: traits.rotation in ("none", "keep_old"))
strict = only_partners(lambda traits: traits.rotation == "strict")
grace = only_partners(lambda traits: traits.rotation == "grace")
revoking = only_partners(lambda traits: traits.revocation != "none")
revoking_by_standard = only_partners(lambda traits: traits.revocation == "rfc7009")


def test_a_refresh_yields_a_new_access_token(partner: Partner) -> None:
    tokens = partner.tokens()
    answered = partner.refresh(tokens["refresh_token"])
    assert answered.status_code == 200
    refreshed = answered.json()
    assert refreshed["access_token"] != tokens["access_token"]
    assert partner.is_alive(refreshed["access_token"])
    assert refreshed["expires_in"] > 0


def test_the_answer_holds_a_new_refresh_token_where_the_rule_rotates(partner: Partner) -> None:
    tokens = partner.tokens()
    refreshed = partner.refresh(tokens["refresh_token"]).json()
    if partner.traits.rotation == "none":  # the certified server repeats the same one, Google sends none
        assert refreshed.get("refresh_token", tokens["refresh_token"]) == tokens["refresh_token"]
    else:
        assert refreshed["refresh_token"] != tokens["refresh_token"]
        assert partner.refresh(refreshed["refresh_token"]).status_code == 200


@forgiving
def test_a_used_refresh_token_keeps_working_where_the_rule_keeps_it(partner: Partner) -> None:
    tokens = partner.tokens()
    newer = partner.refresh(tokens["refresh_token"]).json()
    again = partner.refresh(tokens["refresh_token"])
    assert again.status_code == 200
    assert partner.is_alive(newer["access_token"])
    assert partner.is_alive(again.json()["access_token"])


@strict
def test_a_used_refresh_token_ends_the_whole_family_where_the_rule_is_strict(partner: Partner) -> None:
    tokens = partner.tokens()
    newer = partner.refresh(tokens["refresh_token"]).json()
    assert partner.is_alive(newer["access_token"])
    again = partner.refresh(tokens["refresh_token"])
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert partner.refresh(newer["refresh_token"]).json()["error"] == "invalid_grant"
    assert not partner.is_alive(newer["access_token"])
    assert not partner.is_alive(tokens["access_token"])


@grace
def test_the_same_pair_comes_again_within_the_grace(partner: Partner) -> None:
    tokens = partner.tokens()
    first = partner.refresh(tokens["refresh_token"]).json()
    second = partner.refresh(tokens["refresh_token"]).json()
    assert second["refresh_token"] == first["refresh_token"]
    assert second["access_token"] == first["access_token"]


def test_an_answer_that_nobody_waited_for_was_given_all_the_same(partner: Partner) -> None:
    """The client's connection broke after it had sent: to the provider the refresh token is used."""
    refresh_token = partner.tokens()["refresh_token"]
    partner.send_and_hang_up(refresh_token)
    again = partner.refresh(refresh_token)
    assert (again.status_code == 200) is (partner.traits.rotation != "strict")


def test_a_chain_of_refreshes_goes_on(partner: Partner) -> None:
    tokens = partner.tokens()
    for _ in range(5):
        tokens |= partner.refresh(tokens["refresh_token"]).json()
    assert partner.is_alive(tokens["access_token"])


def test_every_answer_is_json_that_nothing_between_keeps(partner: Partner) -> None:
    refresh_token = partner.tokens()["refresh_token"]
    for answered in (partner.refresh(refresh_token), partner.refresh("made-up"), partner.refresh("x", client_id="no")):
        assert answered.headers["content-type"].startswith("application/json")
        assert answered.headers["cache-control"] == "no-store"


def test_a_refusal_says_in_words_what_its_code_means(partner: Partner) -> None:
    refused = partner.refresh("made-up").json()
    assert set(refused) >= {"error", "error_description"}
    assert refused["error_description"]


def test_a_race_leaves_winners_only_where_the_rule_forgives(partner: Partner) -> None:
    tokens = partner.tokens()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: partner.refresh(tokens["refresh_token"]), range(8)))
    good = [answer for answer in answers if answer.status_code == 200]
    if partner.traits.rotation == "strict":
        assert len(good) <= 1
        assert not any(partner.is_alive(answer.json()["access_token"]) for answer in good)
    else:
        assert len(good) == 8


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"refresh_token": "made-up"}, 400, "invalid_grant"),
        ({"refresh_token": None}, 400, "invalid_request"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_secret": None}, 401, "invalid_client"),
        ({"scope": "openid mail.imap mail.smtp"}, 400, "invalid_scope"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_wrong_refresh_is_refused_and_spends_nothing(
    partner: Partner, changes: dict[str, str | None], status: int, error: str
) -> None:
    refresh_token = partner.tokens()["refresh_token"]
    refused = partner.refresh(refresh_token, **changes)
    assert (refused.status_code, refused.json()["error"]) == (status, error)
    assert partner.refresh(refresh_token).status_code == 200


def test_a_refresh_token_is_good_for_its_own_client_alone(partner: Partner) -> None:
    refresh_token = partner.tokens()["refresh_token"]
    stolen = partner.refresh(refresh_token, client_id=partner.clients.public, client_secret=None)
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")


def test_a_refresh_may_narrow_the_scope(partner: Partner) -> None:
    refresh_token = partner.tokens()["refresh_token"]
    narrowed = partner.refresh(refresh_token, scope="mail.imap").json()
    assert narrowed["scope"].split() == ["mail.imap"]
    assert partner.introspect(narrowed["access_token"])["scope"].split() == ["mail.imap"]


@revoking
def test_revoking_a_refresh_token_ends_its_access_tokens(partner: Partner) -> None:
    tokens = partner.tokens()
    other = partner.tokens(login="bob@example.test")
    assert partner.revoke(tokens["refresh_token"]).status_code == 200
    assert not partner.is_alive(tokens["access_token"])
    assert partner.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert partner.is_alive(other["access_token"])


@revoking
def test_revoking_an_unknown_token_is_answered_as_the_provider_does(partner: Partner) -> None:
    answered = partner.revoke("made-up")
    assert answered.status_code == (400 if partner.traits.revocation == "google" else 200)


@revoking_by_standard
def test_revoking_needs_the_clients_secret_except_at_google(partner: Partner) -> None:
    tokens = partner.tokens()
    assert partner.revoke(tokens["refresh_token"], client_secret="wrong").status_code == 401
    assert partner.is_alive(tokens["access_token"])


def test_introspection_tells_nothing_about_a_token_it_does_not_know(partner: Partner) -> None:
    assert partner.introspect("made-up") == {"active": False}


def test_introspection_answers_no_stranger(partner: Partner) -> None:
    token = partner.tokens()["access_token"]
    answered = partner.post("introspection_endpoint", {"token": token}, basic=(partner.clients.mail_server, "wrong"))
    assert answered.status_code == 401
    assert "active" not in answered.json()
