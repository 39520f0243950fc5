"""Checks that need nobody: a schema, an expression."""

from typing import Any

from agentic_prefect.models.check import SEEN, ExpressionCheck, SchemaCheck, title_of
from agentic_prefect.models.verdict import CheckVerdict
from agentic_prefect.plans.expressions import ExpressionError, evaluate_over
from agentic_prefect.plans.schema_check import violations
from agentic_prefect.ports import Work


def check_schema(check: SchemaCheck, output: Any, work: Work) -> CheckVerdict:
    """Whether the output follows the schema; each message begins with the path that does not."""
    schema = check.json_schema if check.json_schema is not None else work.output.json_schema if work.output else None
    if schema is None:
        why = "the task asks for no form, and the check names no schema"
        return CheckVerdict(check=title_of(check), outcome="unverified", messages=(why,))
    return decided(title_of(check), violations(schema, output))


def check_expression(check: ExpressionCheck, output: Any, work: Work) -> CheckVerdict:
    """Whether the expression is true; one that has no value with this output counts as not true."""
    try:
        value = evaluate_over(check.expression, dict(zip(SEEN, (output, work.input), strict=True)))
    except ExpressionError as error:
        return decided(title_of(check), (check.message or str(error),))
    said = check.message or f"{check.expression.strip('{} ')!r} is not true"
    return decided(title_of(check), () if value else (said,))


def decided(name: str, problems: tuple[str, ...]) -> CheckVerdict:
    """The verdict of a check that knows right and wrong alone."""
    if problems:
        return CheckVerdict(check=name, outcome="rejected", confidence_ratio=0.0, messages=problems)
    return CheckVerdict(check=name, outcome="verified", confidence_ratio=1.0)
