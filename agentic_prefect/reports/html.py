"""The report as one HTML page that loads nothing from elsewhere."""

import json
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from agentic_prefect.reports import wording
from agentic_prefect.reports.model import PlanReport

MAX_OUTPUT_CHARACTERS = 1_000_000


def report(page: PlanReport) -> str:
    """The whole report; every text in it is escaped, and it follows the reader's light or dark theme."""
    return _environment().get_template("report.html.j2").render(page=page)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("agentic_prefect.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {  # pyright: ignore[reportUnknownMemberType]  # jinja2 leaves its values untyped
        "as_text": _as_text,
        "clip": wording.clip,
        "cost": wording.cost,
        "duration": wording.duration,
        "is_link": _is_link,
        "judged": wording.judged,
        "number": wording.number,
        "not_paid_again": wording.not_paid_again,
        "spent": wording.spent,
        "state": wording.state,
    }
    return environment


def _as_text(output: Any) -> str:
    text = output if isinstance(output, str) else json.dumps(output, indent=2, ensure_ascii=False, default=str)
    return wording.clip(text, MAX_OUTPUT_CHARACTERS)


def _is_link(url: str | None) -> bool:
    return bool(url) and urlsplit(url).scheme in {"http", "https"}
