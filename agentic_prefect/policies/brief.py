"""A question as the run that asks it carries it in its parameters, which Prefect limits. Pure."""

import json
from typing import Final

from agentic_prefect.models.error import TaskError
from agentic_prefect.models.intervention import Intervention

MAX_BYTES: Final = 256 * 1024
"""Half of what Prefect takes unless it is set otherwise."""
_CHARS: Final = (20_000, 2_000, 200)
"""How long each text may be, tried in turn until the whole is small enough."""
_CUT: Final = " … (cut: the whole stands in the form)"


def in_brief(intervention: Intervention) -> Intervention:
    """The question without prompts and the attempts before the last, its texts cut as far as `MAX_BYTES` demands."""
    brief = intervention.model_copy(
        update={"error": intervention.error and _without_prompts(intervention.error), "diagram": ""}
    )
    for chars in _CHARS:
        if _size(brief) <= MAX_BYTES:
            return brief
        brief = _cut_texts(brief, chars)
    return brief if _size(brief) <= MAX_BYTES else _without_data(brief)


def _without_prompts(error: TaskError) -> TaskError:
    return error.model_copy(
        update={
            "context": error.context.model_copy(update={"prompt": None}),
            "cause": error.cause and _without_prompts(error.cause),
            "history": (),
        }
    )


def _cut_texts(intervention: Intervention, chars: int) -> Intervention:
    votes = tuple(vote.model_copy(update={"comment": _cut(vote.comment, chars)}) for vote in intervention.votes)
    texts = {name: _cut(getattr(intervention, name), chars) for name in ("question", "details", "remark")}
    error = intervention.error and _cut_error(intervention.error, chars)
    return intervention.model_copy(update={**texts, "error": error, "votes": votes})


def _cut_error(error: TaskError, chars: int) -> TaskError:
    cause = error.cause and _cut_error(error.cause, chars)
    return error.model_copy(update={"message": _cut(error.message, chars), "cause": cause})


def _without_data(intervention: Intervention) -> Intervention:
    """Without what answers are checked against: the run itself has the whole, and checks them again."""
    votes = tuple(vote.model_copy(update={"output": None, "input": None}) for vote in intervention.votes)
    asking = intervention.asking.model_copy(update={"default_output": None})
    return intervention.model_copy(update={"output_schema": None, "asking": asking, "votes": votes})


def _cut(text: str, chars: int) -> str:
    return text if len(text) <= chars else f"{text[: chars - len(_CUT)]}{_CUT}"


def _size(intervention: Intervention) -> int:
    """Bytes as Prefect counts them: each character beyond ASCII is written as an escape."""
    return len(json.dumps(intervention.model_dump(mode="json"), separators=(",", ":")))
