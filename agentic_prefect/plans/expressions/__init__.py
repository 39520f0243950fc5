"""Expressions in plans: what `{{ … }}` refers to, what is wrong with it, and its value."""

from agentic_prefect.plans.expressions.evaluation import ExpressionError, evaluate, evaluate_over
from agentic_prefect.plans.expressions.reading import (
    ExpressionProblem,
    References,
    is_expression,
    plain_path,
    problems_in,
    references,
)
from agentic_prefect.plans.expressions.scope import MISSING, NO_PREVIOUS, PreviousRun, Scope, TaskView

__all__ = [
    "MISSING",
    "NO_PREVIOUS",
    "ExpressionError",
    "ExpressionProblem",
    "PreviousRun",
    "References",
    "Scope",
    "TaskView",
    "evaluate",
    "evaluate_over",
    "is_expression",
    "plain_path",
    "problems_in",
    "references",
]
