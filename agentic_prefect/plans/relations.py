"""What a result says about other tasks: fallbacks by name, and what became of them."""

from agentic_prefect.models.result import Related, TaskResult


def related(result: TaskResult, task_id: str, relation: str) -> TaskResult:
    """The result, with another task and what it has to do with this one added."""
    added = Related.model_validate({"task_id": task_id, "relation": relation})
    return result.model_copy(update={"related": (*result.related, added)})


def with_error_of(owner: TaskResult, fallback: TaskResult) -> TaskResult:
    """The owner's error, with what became of a fallback added to its history."""
    if owner.error is None or fallback.error is None or fallback.error in owner.error.history:
        return owner
    error = owner.error.model_copy(update={"history": (*owner.error.history, fallback.error)})
    return owner.model_copy(update={"error": error})
