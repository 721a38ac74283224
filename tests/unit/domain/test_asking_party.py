from __future__ import annotations

import pytest

from aurora_restore.domain.asking_party import asker_in, reason_of, request_of

ANN = "arn:aws:sts::123456789012:assumed-role/operators/ann@example.com"


def test_a_request_says_who_asks_unless_it_names_another() -> None:
    assert request_of({"dry_run": True}, ANN) == {"dry_run": True, "requested_by": ANN}
    assert request_of({"requested_by": "the nightly job"}, ANN) == {"requested_by": "the nightly job"}


def test_who_cancelled_is_read_back_from_the_reason() -> None:
    assert asker_in(reason_of("the wrong day\nof two", ANN)) == ANN


@pytest.mark.parametrize("reason", [None, "", "the wrong day", "[requested by ann] is what she said"])
def test_a_reason_that_does_not_say_who_asks_names_none(reason: str | None) -> None:
    assert asker_in(reason) is None
