"""A question as the run that asks it carries it."""

import json
from typing import Any

import pytest

from agentic_prefect.models.asking import Asking
from agentic_prefect.models.error import ErrorContext, TaskError
from agentic_prefect.models.intervention import Decision, Intervention
from agentic_prefect.models.prompt import PromptRecord
from agentic_prefect.policies.brief import MAX_BYTES, in_brief
from agentic_prefect.testing.builders import EPOCH, error_of

PROMPT = PromptRecord(id="agent.default", version="1.0.0", hash="0" * 64, text="word " * 20_000)


def asked(**fields: Any) -> Intervention:
    """A question with these fields."""
    return Intervention(id="r:a:1", task_id="a", **{"question": "Go?", "actions": ("approve", "reject"), **fields})


def failure(message: str = "no") -> TaskError:
    """An error with prompts all over it."""
    one = error_of("refusal").model_copy(update={"context": ErrorContext(task_id="a", prompt=PROMPT)})
    return one.model_copy(update={"message": message, "cause": one, "history": (one, one, one)})


def test_prompts_and_attempts_are_left_out() -> None:
    """Neither the prompts nor the attempts before the last are carried; what is short stays as it is."""
    brief = in_brief(asked(error=failure(), details="Look at this.", diagram="flowchart LR"))

    assert brief.error is not None
    assert brief.error.cause is not None
    assert (brief.error.message, brief.error.history, brief.error.context.prompt) == ("no", (), None)
    assert (brief.error.cause.context, brief.error.cause.history) == (ErrorContext(task_id="a"), ())
    assert (brief.details, brief.diagram) == ("Look at this.", "")


@pytest.mark.parametrize(
    "fields",
    [
        {"details": "x" * 1_000_000},
        {"question": "é" * 300_000},
        {"details": "\U0001f600" * 300_000, "remark": "é" * 300_000, "error": failure("é" * 300_000)},
        {"output_schema": {"type": "object", "description": "x" * 1_000_000}},
        {"asking": Asking(default="supply_output", default_output="x" * 1_000_000)},
        {"votes": tuple(Decision(action="approve", output="x" * 300_000, by=by, decided_at=EPOCH) for by in "abcdef")},
    ],
    ids=["details", "question", "all texts", "schema", "default output", "votes"],
)  # fmt: skip
def test_it_is_bounded(fields: dict[str, Any]) -> None:
    """Whatever is large, the whole is no larger than may be, and still says what is asked and of whom."""
    brief = in_brief(asked(**fields))

    assert len(json.dumps(brief.model_dump(mode="json"))) <= MAX_BYTES
    assert (brief.id, brief.task_id, brief.actions) == ("r:a:1", "a", ("approve", "reject"))
    assert [vote.by for vote in brief.votes] == [vote.by for vote in asked(**fields).votes]


def test_what_was_cut_says_so() -> None:
    """A text that was cut says where the whole stands."""
    assert in_brief(asked(details="x" * 1_000_000)).details.endswith("x … (cut: the whole stands in the form)")
