"""Writes a report on what fails in the recorded runs, and removes what is too old to matter.

Parameters: `days`, `keep_days`. Environment: `PREFECT_INTEGRATIONS_AGENTIC_HISTORY_URL` where the history is no file of
this machine, `PREFECT_INTEGRATIONS_AGENTIC_KEEP_DAYS`.
"""

from prefect import flow
from prefect.artifacts import acreate_markdown_artifact

from agentic_prefect.bootstrap.history import prune_history, report_failures


@flow(name="failure-report")
async def failure_report(days: int = 30, keep_days: int = 0) -> str:
    """Report what fails, where, and what helped; the report is the artifact `failure-patterns`.

    Args:
        days: How far to look back.
        keep_days: Runs in which nothing has changed for so many days are removed afterwards; 0 takes the setting of
            that name, and keeps everything when it is not set.
    """
    report = await report_failures(days)
    await acreate_markdown_artifact(
        key="failure-patterns", markdown=report.text, description="Patterns in the history."
    )
    await prune_history(keep_days or None)
    return report.text
