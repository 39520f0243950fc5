"""A run written in one of the forms that a file can have."""

from typing import Literal, assert_never

from agentic_prefect.models.plan import Plan
from agentic_prefect.models.result import PlanResult
from agentic_prefect.reports import console, data, html, markdown
from agentic_prefect.reports.model import report_of

Form = Literal["json", "yaml", "md", "html", "txt"]


def document(plan: Plan, result: PlanResult, form: Form) -> str:
    """The result as JSON or YAML, or the report on it as Markdown, HTML or plain text. No model is asked."""
    match form:
        case "json":
            return data.to_json(result)
        case "yaml":
            return data.to_yaml(result)
        case "md":
            return markdown.report(report_of(plan, result))
        case "html":
            return html.report(report_of(plan, result))
        case "txt":
            return console.text(report_of(plan, result))
        case _:
            assert_never(form)
