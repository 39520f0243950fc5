"""The flow that reports on the history."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.sorting import ArtifactSort

from agentic_prefect import open_history
from agentic_prefect.models.history import ReportEntry, RunEntry
from flows.failure_report import failure_report
from tests.history.samples import a_failure, a_run

pytestmark = pytest.mark.prefect


async def test_the_report_is_made_kept_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefect_server: str
) -> None:
    """It looks back as far as it is told; what is too old is removed afterwards; the artifact is the report."""
    # F-49 L-45 L-46
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_HISTORY_URL", f"sqlite:///{tmp_path}/history.db")
    now = datetime.now(UTC)
    old, plan = now - timedelta(days=50), f"reported-{now.timestamp():.0f}"
    store = open_history()
    store.register(
        a_run(id="new", at=now, updated_at=now),
        a_run(id="old", at=old, updated_at=old),
        a_failure(1, at=now, plan=plan),
        a_failure(2, at=old, updated_at=old, run_id="old", plan=plan),
    )
    text = await failure_report(days=30, keep_days=40)
    async with get_client() as client:
        shown = await client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=["failure-patterns"])),
            sort=ArtifactSort.CREATED_DESC,
        )

    assert f"| {plan}/write | 1 | 100% |" in text
    assert text in [artifact.data for artifact in shown]
    assert [report.text for report in store.find(ReportEntry)] == [text]
    assert [run.id for run in store.find(RunEntry)] == ["new"]
