"""`settings`: what holds, and what said so."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with settings of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prefect.toml").write_text("[integrations.agentic]\nretries = 7\ntimeout_s = 5\n")
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_TIMEOUT_S", "9")
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_HISTORY_URL", "postgresql://me:topsecret@db/history")
    return tmp_path


def test_each_setting_is_told_with_its_origin(here: Path, cli: Command) -> None:
    """The environment goes before the project's file, and that before the default; a secret is masked."""
    # CT-07 L-60
    done = cli("settings", "-f", "json")
    told: dict[str, dict[str, Any]] = {each["name"]: each for each in json.loads(done.out)}
    table = cli("settings").out

    assert (told["timeout_s"]["value"], told["timeout_s"]["origin"]) == (9.0, "environment")
    assert (told["retries"]["value"], told["retries"]["origin"]) == (7, "prefect.toml")
    assert (told["model"]["value"], told["model"]["origin"]) == (None, "default")
    assert told["retries"]["variable"] == "PREFECT_INTEGRATIONS_AGENTIC_RETRIES"
    assert told["history_url"]["value"] == "**********"
    assert "topsecret" not in done.out + table
    assert "prefect.toml" in table
    assert "such as PREFECT_INTEGRATIONS_AGENTIC_RETRIES." in table


def test_a_flag_goes_before_the_settings(here: Path, cli: Command) -> None:
    """`explain` tells of one task what holds and where it was set, flags included."""
    # CT-07
    (here / "plan.yaml").write_text("name: p\ntasks: [{id: a, description: x, retries: 1}, {id: b, description: y}]\n")
    own = cli("explain", here / "plan.yaml", "a", "--model", "openai/flag").out
    from_file = cli("explain", here / "plan.yaml", "b").out

    assert "openai/flag" in own
    assert "retries" in from_file
    assert "7" in next(line for line in from_file.splitlines() if "retries" in line)
    assert "1" in next(line for line in own.splitlines() if "retries" in line)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (("RETRIES", "many"), "the settings: retries (PREFECT_INTEGRATIONS_AGENTIC_RETRIES): should be a number,"),
        (
            ("ALLOWED_PACKAGES", "my.package"),
            "the settings: allowed_packages (PREFECT_INTEGRATIONS_AGENTIC_ALLOWED_PACKAGES): is no JSON. "
            'Write a list as `["one", "two"]`.',
        ),
        (("REDACT", '["(("]'), "Error: The pattern '((' cannot be used to redact: it is no regular expression"),
        (("FUNCTIONS_ON", "dusk"), "Error: functions_on is 'dusk', and functions run on:"),
    ],
)
@pytest.mark.parametrize("command", [("settings",), ("validate", "plan.yaml")])
def test_a_setting_that_will_not_do_is_named(
    command: tuple[str, ...],
    setting: tuple[str, str],
    message: str,
    here: Path,
    cli: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the variable that sets it, and what would do; it is no fault of ours."""
    (here / "plan.yaml").write_text("name: p\ntasks: [{id: a, description: x}]\n")
    monkeypatch.setenv(f"PREFECT_INTEGRATIONS_AGENTIC_{setting[0]}", setting[1])
    done = cli(*command)

    assert done.code == 2
    assert message in done.err
