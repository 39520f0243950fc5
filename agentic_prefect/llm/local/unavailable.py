"""The one error of this package: no local model answers, and what to do about it."""

from typing import Final

from agentic_prefect.errors import ErrorCode, TerminalError

INSTALL_ENGINE: Final = "Install the engine with `pip install 'agentic-prefect[local]'`"
FETCH_WEIGHTS: Final = "Get the default model with `agentic-prefect local fetch`, or name a GGUF file of your own"

_ELSEWHERE: Final = (
    "set OPENAI_API_KEY (and OPENAI_BASE_URL for another provider) to use a model elsewhere, "
    "or run the plan with `agentic-prefect rehearse`, which needs no model"
)


class LocalModelUnavailable(TerminalError):
    """The local model cannot be fetched, started or stopped.

    Args:
        problem: What was wrong, one sentence without its full stop.
        remedy: What mends just this, one sentence without its full stop.
    """

    code = ErrorCode.CONNECTION

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem, remedy)
        self.problem, self.remedy = problem, remedy

    def __str__(self) -> str:
        return f"{self.problem}. {self.remedy}; or {_ELSEWHERE}."


class ModelFileUnusable(LocalModelUnavailable):
    """The file that was named as the local model is none."""

    code = ErrorCode.PLAN_INVALID
