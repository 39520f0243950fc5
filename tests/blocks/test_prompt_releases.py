"""Which versions of prompts are in use, kept in Prefect."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound

from agentic_prefect.blocks.prompt_releases import NAME, SLUG, PrefectReleases, PromptReleasesBlock
from agentic_prefect.bootstrap.prompt_releases import PromptReleases
from agentic_prefect.models.release import ReleaseEntry
from agentic_prefect.prompting.errors import PromptError
from agentic_prefect.prompting.registry import PromptRegistry
from tests.prompting.samples import template

pytestmark = [pytest.mark.prefect, pytest.mark.xdist_group("prompts-in-prefect")]

AT = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = ReleaseEntry(template="a", stable="1.0.0", action="rollback", at=AT, author="Ada", note="It — was better.")
SECOND = ReleaseEntry(template="a", stable="1.0.0", candidate="1.1.0", percent=10, action="rollout", at=AT)


@pytest.fixture(autouse=True)
def log(prefect_server: str) -> Iterator[PrefectReleases]:
    """An empty log, removed after the test."""
    yield PrefectReleases()
    with get_client(sync_client=True) as client:
        try:
            client.delete_block_document(client.read_block_document_by_name(NAME, SLUG).id)
        except ObjectNotFound:
            return


def test_every_change_is_kept(log: PrefectReleases) -> None:
    """Whoever looks next has them all, in order; before the first there is none."""
    assert (log.look(), log.read()) == ("", ())
    log.add(FIRST)
    log.add(SECOND)
    other = PrefectReleases()
    other.look()

    assert other.read() == (FIRST, SECOND)
    assert (
        cast("PromptReleasesBlock", cast("Any", PromptReleasesBlock).load(NAME, _sync=True)).entries() == other.read()
    )


def test_rollback_reaches_other_processes(log: PrefectReleases) -> None:  # P-59
    """A registry looks from time to time, beside its work."""
    now = [0.0]
    registry = PromptRegistry([template("a", version=each) for each in ("1.0.0", "1.1.0")], clock_s=lambda: now[0])
    registry.follow(PrefectReleases())
    assert registry.get("a").version == "1.1.0"
    log.add(FIRST)
    now[0] = 60.0

    registry.refresh()
    for thread in threading.enumerate():
        if thread.name == "prompt-releases":
            thread.join()
    assert registry.refresh()
    assert registry.get("a").version == "1.0.0"


def test_broken_block_is_told(log: PrefectReleases) -> None:
    """With the line; somebody may have edited it in the UI."""
    cast("Any", PromptReleasesBlock(text="nonsense\n")).save(NAME, overwrite=True, _sync=True)
    log.look()

    with pytest.raises(PromptError, match=r"block agentic-prompt-releases/in-use, line 1, is no release"):
        log.read()


def test_setting_keeps_releases_in_prefect(
    log: PrefectReleases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then no file is written, and every worker sees the same."""
    (tmp_path / "prompts").mkdir()
    for version in ("1.0.0", "1.1.0"):
        (tmp_path / "prompts" / f"{version}.j2").write_text(f"---\nid: a\nversion: {version}\n---\nHi\n")
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_PROMPTS_IN_PREFECT", "true")
    PromptReleases(tmp_path).roll_back("a", note="Why not.")
    log.look()

    assert [(entry.template, entry.stable, entry.note) for entry in log.read()] == [("a", "1.0.0", "Why not.")]
    assert PromptReleases(tmp_path).registry.get("a").version == "1.0.0"
    assert not (tmp_path / "prompts" / "releases.jsonl").exists()


def test_server_that_does_not_answer_is_told(log: PrefectReleases, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the setting."""
    monkeypatch.setattr("agentic_prefect.blocks.prompt_releases.get_client", _refusing)

    with pytest.raises(PromptError, match=r"cannot be read from Prefect: nobody is there.*`prompts_in_prefect`"):
        log.look()


def _refusing(*, sync_client: bool) -> Any:
    raise RuntimeError("nobody is there")
