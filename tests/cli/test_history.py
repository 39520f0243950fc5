"""The history at the terminal."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agentic_prefect.history.sql_store import SqlHistory
from agentic_prefect.models.history import RunEntry
from agentic_prefect.models.status import PlanStatus, TaskStatus
from tests.cli.conftest import Command
from tests.history.samples import a_failure, a_run, a_task

NOW = datetime.now(UTC)
OLD = NOW - timedelta(days=40)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqlHistory:
    """The history that the commands find; empty."""
    url = f"sqlite:///{tmp_path}/history.db"
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_HISTORY_URL", url)
    return SqlHistory(url)


@pytest.fixture
def filled(store: SqlHistory) -> SqlHistory:
    """Three runs, one of them old and one a rehearsal, with failures."""
    store.register(
        a_run(id="aaaa-1", at=NOW, updated_at=NOW),
        a_run(id="aabb-2", at=OLD, updated_at=OLD, plan="letters", status=PlanStatus.FAILED, reason="no way"),
        a_run(id="cccc-3", at=NOW, updated_at=NOW, rehearsal=True),
        a_task(1, run_id="aaaa-1", at=NOW, updated_at=NOW),
        a_task(2, run_id="aabb-2", plan="letters", status=TaskStatus.FAILED, at=OLD, updated_at=OLD),
        a_failure(1, run_id="aaaa-1", at=NOW, message="slow down"),
        a_failure(2, run_id="aaaa-1", at=NOW, task_id="read", agent=None),
        a_failure(3, run_id="aabb-2", plan="letters", at=OLD, updated_at=OLD, code="timeout", resolution="none"),
        a_failure(4, run_id="cccc-3", at=NOW, rehearsal=True),
    )
    return store


COUNTS = [
    ((), {"rate_limit": 2, "timeout": 1}),
    (("--by", "task"), {"write": 2, "read": 1}),
    (("--by", "agent"), {"writer": 2, "none": 1}),
    (("--by", "plan"), {"trip": 2, "letters": 1}),
    (("--by", "model", "--since", "7d"), {"gpt-small": 2}),
    (("--by", "resolution", "--plan", "letters"), {"none": 1}),
    (("--rehearsals",), {"rate_limit": 3, "timeout": 1}),
]


@pytest.mark.parametrize(("arguments", "counts"), COUNTS, ids=[" ".join(words) or "type" for words, _ in COUNTS])
def test_failures_are_counted(cli: Command, filled: SqlHistory, arguments: tuple[str, ...], counts: object) -> None:
    """By whatever is wanted, of whatever time and plan; the sum is that of the counts."""  # F-42
    done = cli("failures", *arguments, "-f", "json")

    assert done.code == 0, done.err
    assert json.loads(done.out)["counts"] == counts
    assert json.loads(done.out)["total"] == sum(json.loads(done.out)["counts"].values())


def test_failures_are_shown_as_a_table(cli: Command, filled: SqlHistory) -> None:
    """The most frequent first, and the sum last."""
    lines = cli("failures").out.splitlines()

    assert [line.split() for line in lines] == [
        ["Type", "Failed", "attempts"],
        ["rate_limit", "2"],
        ["timeout", "1"],
        ["total", "3"],
    ]


def test_an_empty_history_says_so(cli: Command, store: SqlHistory) -> None:
    """There is nothing to show, which is no error."""
    assert cli("failures").out == "No failures are recorded.\n"
    assert cli("history", "list").out == "No such run is recorded.\n"
    assert json.loads(cli("failures", "-f", "json").out) == {"by": "type", "total": 0, "counts": {}}


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        ((), ["aaaa-1", "aabb-2"]),
        (("--status", "failed"), ["aabb-2"]),
        (("--plan", "trip"), ["aaaa-1"]),
        (("--since", "4w"), ["aaaa-1"]),
        (("--latest", "1"), ["aaaa-1"]),
        (("--rehearsals", "--since", "1d"), ["cccc-3", "aaaa-1"]),
        (("--status", "running"), []),
    ],
)
def test_runs_are_listed(cli: Command, filled: SqlHistory, arguments: tuple[str, ...], ids: list[str]) -> None:
    """The latest first, and only those that are wanted."""
    done = cli("history", "list", *arguments, "-f", "json")

    assert [run["id"] for run in json.loads(done.out)] == ids


def test_a_list_is_readable(cli: Command, filled: SqlHistory) -> None:
    """A row per run with its plan, status and cost."""
    out = cli("history", "list").out

    assert "aabb-2" in out
    assert "letters" in out
    assert "$0.0042" in out
    assert "no way" in out


def test_ids_are_as_long_as_tells_them_apart(cli: Command, store: SqlHistory) -> None:
    """Runs that a schedule made have ids that begin alike; what is listed finds one of them."""
    ids = ["01a22266-8c3d-7b12-8000-000000000001", "01a22266-8c3d-7c12-8000-000000000002"]
    store.register(*(a_run(id=each, at=NOW, updated_at=NOW) for each in ids))
    listed = [line.split()[0] for line in cli("history", "list").out.splitlines()[1:]]
    several = cli("history", "show", "01a22266")
    one = cli("history", "show", "01a22266-8c3d-7b", "-f", "json")

    assert sorted(listed) == ["01a22266-8c3d-7b", "01a22266-8c3d-7c"]
    assert "2 recorded runs begin with '01a22266'." in several.err
    assert all(f"{each[:16]} (trip, completed)" in several.err for each in ids)
    assert json.loads(one.out)["run"]["id"] == ids[0]


def test_a_run_is_shown(cli: Command, filled: SqlHistory) -> None:
    """By the beginning of its id: its tasks and its failures, with what was done about them."""
    done = cli("history", "show", "aaaa")
    data = json.loads(cli("history", "show", "aaaa", "-f", "json").out)

    assert done.code == 0, done.err
    for word in ("aaaa-1", "agent/default@1.0.0", "slow down", "retry", "yes"):
        assert word in done.out
    assert (data["run"]["id"], len(data["tasks"]), len(data["failures"])) == ("aaaa-1", 1, 2)


def test_the_report_is_markdown(cli: Command, filled: SqlHistory) -> None:
    """It says what there is, and for what there is too little."""
    out = cli("history", "report").out

    assert out.startswith("# Failure patterns\n")
    assert "| rate_limit | 2 | 100% |" in out
    assert "insufficient" in out


def test_old_runs_are_removed(cli: Command, filled: SqlHistory) -> None:
    """The run, its task and its failure; the others stay."""  # L-45
    done = cli("history", "prune", "--older-than", "30d")

    assert done.out == "Removed 3 entries.\n"
    assert [run.id for run in filled.find(RunEntry)] == ["aaaa-1"]


WRONG = [
    (
        ("failures", "--since", "soon"),
        "'soon' is no length of time. Write a number above 0 and a unit: 90s, 15m, 2h, 1d or 1w.",
    ),
    (("failures", "--by", "weather"), "--by"),
    (("history", "list", "--status", "faild"), "No run has the status 'faild'. Did you mean 'failed'?"),
    (("history", "show", "aa"), "2 recorded runs begin with 'aa'. The latest: aaaa-1 (trip, completed), aabb-2"),
    (("history", "show", "zz"), "No recorded run begins with 'zz'. The latest: "),
    (("history", "prune"), "--older-than"),
    (("history", "prune", "--older-than", " "), "Say how old: `--older-than 30d`."),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=[" ".join(words) for words, _ in WRONG])
def test_a_mistake_is_told(cli: Command, filled: SqlHistory, arguments: tuple[str, ...], message: str) -> None:
    """It exits with 2 and says what would be right."""
    done = cli(*arguments)

    assert done.code == 2
    assert message in done.err


def test_a_history_that_cannot_be_read_is_told(cli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """It exits with 2, since the settings name a place that cannot be."""
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_HISTORY_URL", "sqlite:////dev/null/history.db")
    done = cli("failures")

    assert done.code == 2
    assert "The history at 'sqlite:////dev/null/history.db' cannot be used: " in done.err
