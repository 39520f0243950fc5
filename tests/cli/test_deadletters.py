"""Dead letters at the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentic_prefect.history.sql_store import SqlHistory
from agentic_prefect.models.history import DeadLetterEntry
from agentic_prefect.testing import Fault, ScriptedServer
from tests.cli.conftest import Command
from tests.history.samples import a_letter


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqlHistory:
    """The history that the commands find; empty."""
    url = f"sqlite:///{tmp_path}/history.db"
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_HISTORY_URL", url)
    return SqlHistory(url)


@pytest.fixture
def filled(store: SqlHistory) -> SqlHistory:
    """Two open letters, a resolved one, and one of a rehearsal."""
    store.register(
        a_letter(1, id="aaaa-1", status="open", resolved_by="", comment=""),
        a_letter(2, id="aabb-2", status="open", resolved_by="", comment="", plan="letters", task_id="send", times=1),
        a_letter(3, id="cccc-3"),
        a_letter(4, id="dddd-4", status="open", rehearsal=True),
    )
    return store


LISTS = [
    ((), ["aabb-2", "aaaa-1"]),
    (("--plan", "letters"), ["aabb-2"]),
    (("--status", "resolved"), ["cccc-3"]),
    (("--status", "all", "--rehearsals"), ["dddd-4", "cccc-3", "aabb-2", "aaaa-1"]),
    (("--latest", "1"), ["aabb-2"]),
]


@pytest.mark.parametrize(("arguments", "ids"), LISTS, ids=[" ".join(words) or "open" for words, _ in LISTS])
def test_they_are_listed(cli: Command, filled: SqlHistory, arguments: tuple[str, ...], ids: list[str]) -> None:
    """Those that wait to be seen to, unless others are asked for."""
    done = cli("deadletters", "list", *arguments, "-f", "json")

    assert (done.code, [letter["id"] for letter in json.loads(done.out)]) == (0, ids)


def test_the_list_is_a_table(cli: Command, filled: SqlHistory) -> None:
    """A row says what failed where and of what."""
    rows = [line.split() for line in cli("deadletters", "list").out.splitlines()]

    assert rows[0][:3] == ["Letter", "Plan", "Task"]
    assert (rows[1][:3], "max_retries_exceeded" in rows[1]) == (["aabb-2", "letters", "send"], True)


def test_one_is_shown_with_every_attempt(cli: Command, filled: SqlHistory) -> None:
    """What failed, each attempt, and how to do it again."""
    out = cli("deadletters", "show", "aaaa").out

    assert "Task write of plan trip failed for good for the 2nd time in run run-0" in out
    assert [line.split()[0] for line in out.splitlines() if " refusal " in line or " server " in line] == [
        "write",
        "spare",
    ]
    assert "agentic-prefect deadletters replay aaaa-1" in out


def test_one_is_put_aside(cli: Command, filled: SqlHistory) -> None:
    """It is no longer listed, and why is kept; a second time changes nothing."""
    first = cli("deadletters", "discard", "aaaa", "--reason", "typed by mistake")
    second = cli("deadletters", "discard", "aaaa", "--reason", "another")

    assert first.out == second.out == "Dead letter aaaa-1 (trip: write) is discarded: typed by mistake.\n"
    assert [each["id"] for each in json.loads(cli("deadletters", "list", "-f", "json").out)] == ["aabb-2"]


def test_what_is_not_open_is_not_replayed(cli: Command, filled: SqlHistory) -> None:
    """Nothing is run, which is no error."""  # F-17
    done = cli("deadletters", "replay", "cccc")

    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "Dead letter cccc-3 (trip: write) is resolved: run run-1 did without the failure. Nothing was run.\n"
    )


@pytest.mark.parametrize(
    ("reference", "message"),
    [("a", "2 dead letters begin with 'a'."), ("zz", "No dead letter begins with 'zz'. The latest: dddd-4 (trip:")],
)
def test_an_unclear_reference_is_refused(cli: Command, filled: SqlHistory, reference: str, message: str) -> None:
    """The message lists those that may be meant."""
    done = cli("deadletters", "show", reference)

    assert done.code == 2
    assert message in done.err


def test_there_may_be_none(cli: Command, store: SqlHistory) -> None:
    """That is good to know, and no error."""
    assert cli("deadletters", "list").out == "No such dead letter is recorded.\n"


def test_without_a_history_none_are_kept(cli: Command, store: SqlHistory, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty list does not look as if nothing had been lost."""
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_HISTORY", "false")

    assert cli("deadletters", "list").out.startswith("No dead letters are kept: the history is off")


@pytest.mark.prefect
def test_one_is_replayed(cli: Command, openai_env: ScriptedServer, store: SqlHistory, plan_file: Path) -> None:
    """Only the task and what needs it are paid; the letter is resolved."""  # A-Q1
    openai_env.on("First about", Fault.wrong_key(), times=1)
    failed = cli("run", plan_file, "-m", "openai/m")
    (letter,) = store.find(DeadLetterEntry)
    paid = openai_env.count
    done = cli("deadletters", "replay", letter.id)

    assert (failed.code, done.code) == (3, 0), done.err
    assert openai_env.count - paid == 2
    assert [each.status for each in store.find(DeadLetterEntry)] == ["resolved"]
