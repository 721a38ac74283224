from __future__ import annotations

import re

from aurora_restore.domain.errors import ERRORS_BY_NAME, RestoreError


def test_every_error_has_a_code_of_its_own_and_a_hint() -> None:
    errors = list(ERRORS_BY_NAME.values())
    assert len({error.code for error in errors}) == len(errors)
    assert all(re.fullmatch(r"[A-Z]+(_[A-Z]+)*", error.code) for error in errors)
    assert all(error.default_hint.endswith((".", "}'.")) for error in errors)


def test_the_base_of_the_tree_is_among_them() -> None:
    assert ERRORS_BY_NAME["RestoreError"] is RestoreError
