"""`prompts diff`, `history`, `rollout`, `rollback` and `stats`."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agentic_prefect.history.sql_store import SqlHistory
from agentic_prefect.models.prompt import PromptVersion
from agentic_prefect.models.status import TaskStatus
from tests.cli.conftest import Command
from tests.history.samples import a_failure, a_task

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqlHistory:
    """An empty history, in a working folder with three versions of a template."""
    (tmp_path / "prompts").mkdir()
    for version, more in (("1.0.0", ""), ("1.1.0", " Be brief."), ("1.2.0", " For {{ who }}.")):
        (tmp_path / "prompts" / f"say-{version}.md.j2").write_text(
            f"---\nid: say\nversion: {version}\nauthor: Ada\nnotes: Version {version}.\n---\nSay it.{more}\n"
        )
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path}/history.db"
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_HISTORY_URL", url)
    return SqlHistory(url)


def use(history: SqlHistory, version: str, succeeded: int, count: int, *, at: datetime = NOW) -> None:
    """So many tasks have used a version, and some have succeeded."""
    prompt = PromptVersion(id="say", version=version, hash="0" * 64)
    tasks = [
        a_task(
            number,
            id=f"{version}-{number}-{at:%d}",
            prompt=prompt,
            at=at,
            status=TaskStatus.COMPLETED if number < succeeded else TaskStatus.FAILED,
            code=None if number < succeeded else "invalid_output",
            task_id=f"write[{number}]",
            run_id=version,
        )
        for number in range(count)
    ]
    failures = [
        a_failure(
            number,
            id=f"{version}-failure-{number}-{at:%d}",
            prompt=prompt,
            at=at,
            code="invalid_output",
            message="No JSON.",
            task_id=f"write[{number}]",
            run_id=version,
        )
        for number in range(succeeded, count)
    ]
    history.register(*tasks, *failures)


def test_diff_shows_what_changed(cli: Command) -> None:  # P-48
    """A version beside the one before it, or any two; what breaks those who use it goes to standard error."""
    latest, two = cli("prompts", "diff", "say"), cli("prompts", "diff", "say@1.0.0", "1.1")

    assert two.out == (
        "--- say@1.0.0\n+++ say@1.1.0\n@@ -1,7 +1,7 @@\n ---\n id: say\n-version: 1.0.0\n-notes: Version 1.0.0.\n"
        "+version: 1.1.0\n+notes: Version 1.1.0.\n author: Ada\n ---\n-Say it.\n+Say it. Be brief.\n"
    )
    assert "+Say it. For {{ who }}." in latest.out
    assert latest.err == (
        "Breaking, though its version does not say so: `who` is required, and was not there before.\n"
    )
    assert two.err == ""
    assert "no version of 'say' before 1.0.0" in cli("prompts", "diff", "say@1.0.0").err
    assert cli("prompts", "diff", "say", "say@1.2.0").out == "say@1.2.0 and say@1.2.0 are the same.\n"


def test_history_says_who_did_what(cli: Command) -> None:  # P-56 P-57
    """Versions and releases in the order of time, each with author and note; a break of a promise is flagged."""
    cli("prompts", "rollout", "say", "1.1.0", "--percent", "10", "--author", "Bo", "--note", "A try.")
    data = json.loads(cli("prompts", "history", "say", "-f", "json").out)
    table = cli("prompts", "history", "say").out

    changes = sorted((each["what"], each["version"], each["author"], each["note"]) for each in data["changes"])
    assert changes == [
        ("rollout", "1.1.0 for 10 %, 1.2.0 for the rest", "Bo", "A try."),
        ("version", "1.0.0", "Ada", "Version 1.0.0."),
        ("version", "1.1.0", "Ada", "Version 1.1.0."),
        ("version", "1.2.0", "Ada", "Version 1.2.0."),
    ]
    assert data["breaking"][0].startswith("1.2.0 breaks what uses 1.1.0: `who` is required")
    assert "A try." in table
    assert "Breaking: 1.2.0" in table


def test_version_is_tried_promoted_and_taken_back(cli: Command, history: SqlHistory) -> None:  # P-59 P-39
    """Each step says how things stand; nothing is promoted that has not done well enough."""
    assert cli("prompts", "rollout", "say").out == "say: 1.2.0 is in use, the latest version.\n"
    assert cli("prompts", "rollback", "say", "--to", "1.0").out == "say: 1.0.0 is in use from the next task on.\n"
    assert cli("prompts", "rollout", "say", "1.1.0", "--percent", "25").out == (
        "say: 1.1.0 for 25 %, 1.0.0 for the rest.\n"
    )
    assert cli("prompts", "rollout", "say", "--percent", "50").out == "say: 1.1.0 for 50 %, 1.0.0 for the rest.\n"
    early = cli("prompts", "rollout", "say", "--promote")
    now = datetime.now(UTC)
    use(history, "1.0.0", 80, 100, at=now)
    use(history, "1.1.0", 79, 100, at=now)
    worse = cli("prompts", "rollout", "say", "--promote")

    assert (early.code, "1.0.0 has 0 of the 30 tasks" in early.err) == (2, True)
    assert (worse.code, "79.0 % of 100 tasks succeeded, with 1.0.0 80.0 % of 100" in worse.err) == (2, True)
    assert "--anyway" in worse.err
    assert cli("prompts", "show", "say", "-f", "json").out.count('"version": "1.0.0"') == 1


def test_promotion_on_evidence_and_without(cli: Command, history: SqlHistory) -> None:  # P-39
    """What has done well enough is promoted; whoever knows better says why, and the log keeps it."""
    cli("prompts", "rollback", "say", "--to", "1.0.0")
    cli("prompts", "rollout", "say", "1.1.0", "--percent", "50")
    assert "Say why" in cli("prompts", "rollout", "say", "--promote", "--anyway").err
    now = datetime.now(UTC)
    use(history, "1.0.0", 80, 100, at=now)
    use(history, "1.1.0", 99, 100, at=now)
    shown = cli("prompts", "rollout", "say").out
    promoted = cli("prompts", "rollout", "say", "--promote").out
    cli("prompts", "rollout", "say", "1.0.0", "--percent", "5")
    anyway = cli("prompts", "rollout", "say", "--promote", "--anyway", "--note", "The law asks for it.").out

    assert "It may be promoted: 99.0 % of 100 tasks" in shown
    assert promoted.startswith("say: 1.1.0 is in use. 99.0 % of 100 tasks succeeded, with 1.0.0 80.0 % of 100")
    assert anyway == "say: 1.0.0 is in use.\n"
    assert "The law asks for it." in Path("prompts/releases.jsonl").read_text()
    assert cli("prompts", "rollback", "say").out == "say: 1.1.0 is in use from the next task on.\n"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("rollout", "say", "1.1.0"), "Say how much of the work it gets"),
        (("rollout", "say", "--percent", "5"), "Say which version"),
        (("rollout", "say", "1.1.0", "--percent", "101"), "101"),
        (("rollout", "say", "3.0", "--percent", "5"), "'say' has no version '3.0'. It has: 1.0.0, 1.1.0, 1.2.0"),
        (("rollout", "say", "--promote"), "No version of 'say' is tried"),
        (("rollout", "say", "1.1.0", "--promote"), "name no version"),
        (("rollout", "sya", "1.0", "--percent", "5"), "Did you mean 'say'?"),
        (("rollback", "agent.terse"), "no version of 'agent.terse' before"),
        (("history", "sya"), "Did you mean 'say'?"),
        (("stats", "sya"), "Did you mean 'say'?"),
        (("diff", "say", "9.9.9"), "has no version '9.9.9'"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_done_is_said(cli: Command, arguments: tuple[str, ...], problem: str) -> None:
    """What was wrong, and what would be right; nothing is changed."""
    done = cli("prompts", *arguments)

    assert (done.code, problem in done.err) == (2, True), done.err
    assert not Path("prompts/releases.jsonl").exists()


def test_version_that_breaks_those_who_use_it_is_not_rolled_out(cli: Command) -> None:  # P-57
    """Unless whoever does it says that it may."""
    cli("prompts", "rollback", "say", "--to", "1.0.0")
    refused = cli("prompts", "rollout", "say", "1.2.0", "--percent", "5")
    allowed = cli("prompts", "rollout", "say", "1.2.0", "--percent", "5", "--breaking")

    assert (refused.code, "`who` is required, and was not there before" in refused.err) == (2, True)
    assert allowed.out == "say: 1.2.0 for 5 %, 1.0.0 for the rest.\n"


def test_version_in_use_whose_file_is_gone_can_be_left(cli: Command, tmp_path: Path) -> None:
    """What is there can be chosen instead."""
    cli("prompts", "rollback", "say", "--to", "1.0.0")
    (tmp_path / "prompts" / "say-1.0.0.md.j2").unlink()
    gone, back = cli("prompts", "show", "say"), cli("prompts", "rollback", "say", "--to", "1.1.0")

    assert (gone.code, "prompts rollback say --to VERSION" in gone.err) == (2, True)
    assert back.out == "say: 1.1.0 is in use from the next task on.\n"
    assert cli("prompts", "show", "say").code == 0


def test_without_a_folder_nothing_can_be_kept(cli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the folder and the setting."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setattr("agentic_prefect.bootstrap.prompt_releases.release_log", lambda _: None)

    done = cli("prompts", "rollback", "agent.default", "--to", "1.1.0")

    assert "Create the folder `prompts`" in done.err


def test_stats_rank_the_versions(cli: Command, history: SqlHistory) -> None:  # P-26 P-27 P-46
    """The best first, with intervals and sample sizes; what failed suggests what to improve."""
    assert "No task has ended with a prompt of 'say'" in cli("prompts", "stats", "say").out
    use(history, "1.0.0", 15, 20)
    use(history, "1.1.0", 19, 20)
    use(history, "1.2.0", 1, 1, at=NOW - timedelta(days=40))
    data = json.loads(cli("prompts", "stats", "say", "-f", "json").out)
    table = cli("prompts", "stats", "say").out.splitlines()
    everything = json.loads(cli("prompts", "stats", "say", "--since", "9w", "-f", "json").out)

    assert [(each["version"], each["samples"]) for each in data["versions"]] == [("1.1.0", 20), ("1.0.0", 20)]
    assert table[1].split()[:7] == ["1.1.0", "20", "95.0", "%", "(76.4", "to", "99.1)"]
    assert table[2].split()[:7] == ["1.0.0", "20", "75.0", "%", "(53.1", "to", "88.8)"]
    assert table[3].startswith("1.0.0: 5 × invalid_output: the answers do not have the output format")
    assert [one["count"] for one in data["suggestions"]["1.0.0"]] == [5]
    assert [each["version"] for each in everything["versions"]] == ["1.2.0", "1.1.0", "1.0.0"]
