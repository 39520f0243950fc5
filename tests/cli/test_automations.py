"""`automations`: what is typed, and what is said."""

import json
import uuid
from pathlib import Path

import pytest

from tests.cli.conftest import Command

pytestmark = [pytest.mark.prefect, pytest.mark.automations]


def test_without_a_block_only_what_tells_nobody_is_installed(cli: Command) -> None:
    """Runs whose process is gone are watched for, and the rest is named."""
    done = cli("automations", "install")
    listed = json.loads(cli("automations", "list", "-f", "json").out)

    assert done.out.splitlines() == [
        "Installed 'zombies'.",
        "Left out, for want of `--notify TYPE/NAME`: failed, partial-failure, dead-letter, budget-exceeded, waiting.",
    ]
    assert "zombies" in [each["name"] for each in listed]
    assert "zombies" in cli("automations", "list").out


@pytest.mark.parametrize(("watch", "watched"), [("false", False), ("true", True)])
def test_deploying_watches_for_zombies_unless_told_otherwise(
    watch: str, watched: bool, tmp_path: Path, cli: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`deploy` installs what ends lost runs, once, and says so."""
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_WATCH_RUNS", watch)
    cli("automations", "remove", "zombies")
    (tmp_path / "plan.yaml").write_text("name: watched\ntasks: [{id: a, description: x}]\n")
    deployed = [cli("deploy", tmp_path / "plan.yaml") for _ in range(2)]
    told = [line for each in deployed for line in each.out.splitlines() if "automation" in line]
    names = [each["name"] for each in json.loads(cli("automations", "list", "-f", "json").out)]

    assert [each.code for each in deployed] == [0, 0]
    assert names.count("zombies") == watched
    assert told == watched * [
        "Installed the automation 'zombies': runs of plans of which nothing is heard for 0:10:00 end Crashed."
    ]


def test_plans_can_be_chained(tmp_path: Path, cli: Command) -> None:
    """A chain is installed, listed and removed by its name."""
    # CT-09
    names = [f"{which}-{uuid.uuid4().hex[:8]}" for which in ("gather", "letter")]
    for name in names:
        (tmp_path / "plan.yaml").write_text(
            f"name: {name}\ninputs: {{topic: {{type: string, default: tea}}}}\ntasks: [{{id: a, description: x}}]\n"
        )
        cli("deploy", tmp_path / "plan.yaml")
    wrong = cli("automations", "chain", *names, "--input", "topi=tea")
    chained = cli("automations", "chain", *names, "--input", "topic=rain")
    circle = cli("automations", "chain", names[0], names[0])
    name = f"{names[1]} after {names[0]}"
    listed = {each["name"] for each in json.loads(cli("automations", "list", "-f", "json").out)}
    removed, again = cli("automations", "remove", name), cli("automations", "remove", name)

    assert wrong.code == 2
    assert "Did you mean 'topic'?" in wrong.err
    assert chained.out == f"Installed {name!r}.\n"
    assert "would run for ever after itself" in circle.err
    assert name in listed
    assert removed.out == f"Removed the automation {name!r}.\n"
    assert again.code == 2
    assert f"No automation {name!r} was installed from here." in again.err


def test_a_chain_that_could_not_run_is_not_installed(tmp_path: Path, cli: Command) -> None:
    """It would lack an input that the plan needs; a key is no value for one."""
    first, then = (f"{which}-{uuid.uuid4().hex[:8]}" for which in ("before", "after"))
    for name, default in ((first, ", default: Ada"), (then, "")):
        (tmp_path / "plan.yaml").write_text(
            f"name: {name}\ninputs: {{who: {{type: string{default}}}}}\ntasks: [{{id: a, description: x}}]\n"
        )
        cli("deploy", tmp_path / "plan.yaml")
    lacking = cli("automations", "chain", first, then)
    key = cli("automations", "chain", first, then, "--input", "who=sk-proj-abc123def456ghi789")
    complete = cli("automations", "chain", first, then, "--input", "who=Ada")
    cli("automations", "remove", f"{then} after {first}")

    assert [each.code for each in (lacking, key, complete)] == [2, 2, 0]
    assert f"who has no default in plan {then!r}. Give it with `--input who=VALUE`." in lacking.err
    assert "The input 'who' holds what looks like a key or a password" in key.err


def test_chains_do_not_close_to_a_circle(tmp_path: Path, cli: Command) -> None:
    """However many deployments are in it; what is there already can be installed again."""
    a, b, c = (f"{which}-{uuid.uuid4().hex[:8]}" for which in "abc")
    for name in (a, b, c):
        (tmp_path / "plan.yaml").write_text(f"name: {name}\ntasks: [{{id: a, description: x}}]\n")
        cli("deploy", tmp_path / "plan.yaml")
    chained = [cli("automations", "chain", *pair) for pair in ((a, b), (b, c), (a, b))]
    closed = cli("automations", "chain", c, a)
    listed = {each["name"] for each in json.loads(cli("automations", "list", "-f", "json").out)}
    for name in (f"{b} after {a}", f"{c} after {b}"):
        cli("automations", "remove", name)

    assert [each.code for each in chained] == [0, 0, 0]
    assert closed.code == 2
    assert f"there are '{b} after {a}', '{c} after {b}' already. Remove one" in closed.err
    assert f"{a} after {c}" not in listed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("waiting",), "with `--notify TYPE/NAME`"),
        (("waiting", "--notify", "slack-webhook/nobody"), "no notification block 'slack-webhook/nobody'"),
        (("zombies", "--zombie-after", "5s"), "0:00:05 is too short"),
        (("zombies", "--zombie-after", "soon"), "'soon' is no length of time"),
    ],
)
def test_what_is_wrong_is_told(arguments: tuple[str, ...], message: str, cli: Command) -> None:
    """A missing block, one that is not there, a time that is none."""
    done = cli("automations", "install", *arguments)

    assert done.code == 2
    assert message in done.err
