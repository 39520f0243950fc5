"""The error tree."""

import inspect
import pickle

import pytest

from agentic_prefect import errors
from agentic_prefect.errors import AgenticError, ErrorCode, InvalidOutput, RetryableError, TerminalError

CLASSES = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, AgenticError)]
SAMPLES = [
    errors.RateLimited("slow down", 2.5),
    errors.InvalidOutput("wrong", ("a: missing",), "{}"),
    errors.WrongTaskType("dict"),
    errors.TaskFailed("x", "failed", "why"),
    errors.IllegalTransition("x", "completed", "retrying", ()),
    errors.MaxRetriesExceededError("over"),
]


def test_every_code_has_a_class() -> None:
    """Nothing in the closed list of codes is without an exception that carries it."""  # L-32
    assert {each.code for each in CLASSES} == set(ErrorCode)


@pytest.mark.parametrize("each", CLASSES, ids=lambda each: each.__name__)
def test_every_class_answers_whether_to_try_again(each: type[AgenticError]) -> None:
    """Retryable and terminal errors are two branches; only errors with a treatment of their own stand beside them."""
    undecided = {AgenticError, InvalidOutput, errors.VerificationFailed}

    assert issubclass(each, RetryableError) != issubclass(each, TerminalError) or each in undecided


@pytest.mark.parametrize("error", SAMPLES, ids=lambda error: type(error).__name__)
def test_errors_survive_pickling(error: AgenticError) -> None:
    """What comes back says the same and has the same fields."""
    copy = pickle.loads(pickle.dumps(error))

    assert (str(copy), vars(copy), type(copy)) == (str(error), vars(error), type(error))


def test_a_wrong_task_type_is_a_general_error() -> None:
    """One base class catches it, and the message names the way out."""  # A-08 A-14
    with pytest.raises(errors.AgentTaskGeneralError, match="Expected an AgentTask, got dict"):
        raise errors.WrongTaskType("dict")
