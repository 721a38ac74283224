"""An error, as the record has it."""

from __future__ import annotations

from aurora_restore.domain.errors import ManualIntervention, PreflightFailed, Problem, TargetExists
from aurora_restore.domain.record import ErrorState, plain

TAKEN = {"code": "TARGET_EXISTS", "message": "It exists.", "hint": TargetExists.default_hint}


def test_an_error_of_a_step_lists_its_one_problem() -> None:
    error = ErrorState.of(TargetExists("It exists."), "SnapshotCheck")
    assert plain(error) == {**TAKEN, "step": "SnapshotCheck", "problems": [TAKEN]}


def test_an_error_of_no_step_is_its_one_problem() -> None:
    assert plain(ErrorState.of(TargetExists("It exists."))) == TAKEN
    assert plain(ErrorState.of(Problem(**TAKEN))) == TAKEN


def test_several_problems_are_listed_in_any_case() -> None:
    other = Problem("QUOTA_EXCEEDED", "No room.", "Ask for more.")
    both = ErrorState.of(PreflightFailed([Problem(**TAKEN), other]))
    assert [problem.code for problem in both.problems] == ["TARGET_EXISTS", "QUOTA_EXCEEDED"]
    assert (both.code, both.step) == ("PREFLIGHT_FAILED", None)


def test_an_error_that_was_written_by_hand_gets_the_step_and_the_hint_that_it_lacks() -> None:
    by_hand = ErrorState.read({"code": "MANUAL_INTERVENTION", "message": "Given up.", "by": "Ada"})
    completed = by_hand.completed("CopySnapshot", ManualIntervention.default_hint)
    assert plain(completed) == {
        "step": "CopySnapshot",
        "hint": "Start again under a new name.",
        "code": "MANUAL_INTERVENTION",
        "message": "Given up.",
        "by": "Ada",
    }


def test_what_an_error_says_itself_stays() -> None:
    said = ErrorState.read({"step": "Defuse", "hint": "Call Ada."})
    assert plain(said.completed("Notify", "Start again.")) == {"step": "Defuse", "hint": "Call Ada."}
