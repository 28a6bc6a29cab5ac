"""The four rules for refresh tokens, pure: what becomes of a presented one.

- none: it stays as it is and the answer carries none (Google).
- keep_old: every use yields a new one, the old one keeps working (Microsoft).
- strict: every use yields a new one; an old one seen again ends the whole family, the winner's tokens included
  (RFC 9700 section 4.14.2; Auth0, Okta, Atlassian, panva's oidc-provider).
- grace: as strict, but within the grace an old one gets the very pair it got before (WorkOS, Okta).
"""

from enum import Enum, auto

from devstack.provider.records import RefreshToken
from devstack.provider.settings import RealmSettings, Rotation


class Verdict(Enum):
    KEEP = auto()
    ROTATE = auto()
    ANSWER_AGAIN = auto()
    END_FAMILY = auto()


def judge(refresh_token: RefreshToken, settings: RealmSettings, now: float) -> Verdict:
    if settings.rotation is Rotation.NONE:
        return Verdict.KEEP
    if settings.rotation is Rotation.KEEP_OLD or refresh_token.used_at is None:
        return Verdict.ROTATE
    if settings.rotation is Rotation.GRACE and now < refresh_token.used_at + settings.grace:
        return Verdict.ANSWER_AGAIN
    return Verdict.END_FAMILY
