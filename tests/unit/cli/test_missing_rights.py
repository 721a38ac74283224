"""At a terminal a right is missing to who asks; what else AccessDenied can mean keeps the hint that says so."""

from __future__ import annotations

from aurora_restore.cli.errors import MISSING_RIGHT_HINT, translate
from aurora_restore.domain.errors import AccessDenied


def test_a_missing_right_leads_to_the_policies_for_people() -> None:
    reported = translate(AccessDenied("states:StartExecution was refused"))

    assert reported is not None
    assert (reported.code, reported.hint) == ("ACCESS_DENIED", MISSING_RIGHT_HINT)


def test_credentials_that_have_expired_keep_the_hint_to_sign_in() -> None:
    reported = translate(AccessDenied("the token has expired", "Sign in again."))

    assert reported is not None
    assert reported.hint == "Sign in again."
