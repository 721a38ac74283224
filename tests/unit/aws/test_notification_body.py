"""What SNS takes: one short line of ASCII as the subject, and a body that fits."""

from __future__ import annotations

import json

import pytest

from aurora_restore.aws.notifications import MESSAGE_BYTES, compose_body, fit_subject


def parts(body: str) -> tuple[str, dict[str, object]]:
    text, _, document = body.rpartition("\n\n---\n")
    return text, json.loads(document)


def test_a_short_subject_stays_as_it_is() -> None:
    assert fit_subject("Restore done: staging") == "Restore done: staging"


@pytest.mark.parametrize("subject", ["x" * 101, "é" * 200, "a\nb\tc", "", "Wiederhergestellt: größer"])
def test_any_subject_becomes_one_that_sns_takes(subject: str) -> None:
    fitted = fit_subject(subject)
    assert 0 < len(fitted) <= 100
    assert fitted.isascii()
    assert fitted.isprintable()


def test_text_comes_first_and_json_after_the_line() -> None:
    assert parts(compose_body("All is well.\n", {"status": "SUCCEEDED"})) == (
        "All is well.",
        {"status": "SUCCEEDED"},
    )


def test_json_that_is_too_long_keeps_its_plain_fields_and_says_so() -> None:
    message = {"operation_id": "restore-1", "plan": {"notes": "x" * MESSAGE_BYTES}, "long": "y" * 5000}
    body = compose_body("All is well.", message)
    assert len(body.encode()) <= MESSAGE_BYTES
    assert parts(body) == ("All is well.", {"operation_id": "restore-1", "truncated": True})


def test_a_text_that_is_too_long_is_cut_between_characters() -> None:
    body = compose_body("é" * MESSAGE_BYTES, {"operation_id": "restore-1"})
    text, document = parts(body)
    assert len(body.encode()) <= MESSAGE_BYTES
    assert set(text) == {"é"}
    assert document["operation_id"] == "restore-1"
