"""`plans`: kept on the server in versions, and run from there."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command

pytestmark = pytest.mark.prefect

TEXT = "name: {name}\ndescription: A note.\ntasks:\n- {{id: write, description: Write about {topic}.}}\n"


@pytest.fixture
def name() -> str:
    """A name that no other test uses; underscores are allowed in plans, and not in blocks."""
    return f"kept_{uuid.uuid4().hex[:8]}"


@pytest.fixture
def file(tmp_path: Path, name: str) -> Path:
    """A plan's file."""
    path = tmp_path / "kept.yaml"
    path.write_text(TEXT.format(name=name, topic="tea"))
    return path


def test_a_plan_is_kept_in_versions(file: Path, name: str, cli: Command) -> None:
    """Each edit that is saved is a version, the same again is none, and any two of them can be compared."""
    saved, again = cli("plans", "save", file, "--note", "the first"), cli("plans", "save", file)
    file.write_text(TEXT.format(name=name, topic="coffee"))
    edited = cli("plans", "save", file)
    versions = json.loads(cli("plans", "list", name, "-f", "json").out)
    difference = cli("plans", "diff", f"{name}@1").out.splitlines()

    assert saved.out.startswith(f"Saved {name}@1 (")
    assert again.out == f"{name}@1 says the same; nothing was saved.\n"
    assert edited.out.startswith(f"Saved {name}@2 (")
    assert [(each["version"], each["where"], each["note"]) for each in versions] == [
        (1, "server", "the first"),
        (2, "server", ""),
    ]
    assert difference[:2] == [f"--- {name}@1", f"+++ {name}@latest"]
    assert [line[1:].strip() for line in difference[2:] if line[0] in "+-"] == [
        "description: Write about tea.",
        "description: Write about coffee.",
    ]
    assert "Write about tea." in cli("plans", "show", f"{name}@1").out
    assert "Write about coffee." in cli("plans", "show", name).out
    assert f"{name}" in cli("plans", "list").out


def test_a_run_says_which_version_it_ran(file: Path, name: str, tmp_path: Path, cli: Command) -> None:
    """A stored plan runs by name or version, and its result carries version and hash; a file has the hash alone."""
    cli("plans", "save", file)
    file.write_text(TEXT.format(name=name, topic="coffee"))
    cli("plans", "save", file)
    hashes = [each["plan_hash"] for each in json.loads(cli("plans", "list", name, "-f", "json").out)]

    results = [_rehearsed(cli, reference, tmp_path) for reference in (f"{name}@1", name, file)]

    assert [(each["plan_version"], each["plan_hash"]) for each in results] == [
        (1, hashes[0]),
        (2, hashes[1]),
        (None, hashes[1]),
    ]


def test_the_report_says_which_version_it_is(file: Path, name: str, tmp_path: Path, cli: Command) -> None:
    """A stored plan's report names version and content; that of a file does not."""
    cli("plans", "save", file)
    reports = [tmp_path / "stored.md", tmp_path / "file.md"]
    for plan, report in zip((name, file), reports, strict=True):
        cli("rehearse", plan, "-o", report, "-q")
    content = json.loads(cli("plans", "list", name, "-f", "json").out)[0]["plan_hash"]

    told = [f"Version 1 of the stored plan, content {content[:12]}." in report.read_text() for report in reports]
    assert told == [True, False]


def test_the_event_of_a_start_carries_the_version(file: Path, name: str, cli: Command) -> None:
    """Whoever follows the events of runs can tell the versions apart."""
    cli("plans", "save", file)
    lines = cli("rehearse", f"{name}@latest", "--stream", "jsonl:-", "-q").out.splitlines()
    started = next(each for each in map(json.loads, lines) if each["name"] == "agentic.plan.started")

    assert started["plan_version"] == 1
    assert len(started["plan_hash"]) == 64


def test_sub_plans_are_kept_inside(file: Path, name: str, tmp_path: Path, cli: Command) -> None:
    """A plan that names another one's file runs without that file once it is saved."""
    outer = tmp_path / "outer.yaml"
    outer.write_text(f"name: {name}-outer\ntasks: [{{id: part, kind: plan, plan: kept.yaml}}]\n")
    saved = cli("plans", "save", outer)
    file.unlink()

    assert saved.code == 0, saved.err
    assert _rehearsed(cli, f"{name}-outer", tmp_path)["status"] == "completed"


def test_versions_can_be_deleted(file: Path, name: str, cli: Command) -> None:
    """One at a time, or the whole plan; what is gone is told with what is left."""
    cli("plans", "save", file)
    file.write_text(TEXT.format(name=name, topic="coffee"))
    cli("plans", "save", file)

    one = cli("plans", "delete", f"{name}@1")
    gone = cli("run", f"{name}@1")
    unclear = cli("plans", "delete", name)
    rest = cli("plans", "delete", name, "--all")
    nothing = cli("plans", "list", name)

    assert (one.out, rest.out) == (f"Deleted {name}@1.\n", f"Deleted 1 version of {name}.\n")
    assert gone.code == 2
    assert f"no version 1 of a plan '{name}'" in gone.err
    assert f"It holds: {name}@2." in gone.err
    assert unclear.code == 2
    assert f"such as {name}@2, or the name alone with `--all`" in unclear.err
    assert nothing.code == 2
    assert f"The server holds no plan '{name}'." in nothing.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: bad\ntasks: [{id: a, description: x, agent: nobody}]", "nobody"),
        ("name: bad\ntasks: [{id: a, description: x, prompt: beside_the_plan}]", "as it would run on a worker"),
    ],
)
def test_a_plan_that_would_not_run_is_not_kept(text: str, message: str, tmp_path: Path, cli: Command) -> None:
    """What is wrong is told before anything is saved; so is a prompt that lies beside the plan's file alone."""
    (tmp_path / "bad.yaml").write_text(text)
    done = cli("plans", "save", tmp_path / "bad.yaml")

    assert done.code == 2
    assert message in done.err
    assert "The server holds no plan 'bad'." in cli("plans", "list", "bad").err


def _rehearsed(cli: Command, plan: object, folder: Path) -> dict[str, Any]:
    out = folder / "result.json"
    done = cli("rehearse", plan, "-o", out, "-q")
    assert done.code == 0, done.err
    result: dict[str, Any] = json.loads(out.read_text())
    return result
