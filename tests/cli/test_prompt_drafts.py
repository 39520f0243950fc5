"""`prompts improve` and `prompts approve`."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agentic_prefect.bootstrap.prompts import open_prompts
from agentic_prefect.history.sql_store import SqlHistory
from agentic_prefect.models.prompt import PromptVersion
from agentic_prefect.prompting.release_log import FILE, ReleaseFile
from agentic_prefect.testing import Reply, ScriptedServer
from tests.cli.conftest import PROGRAM, Command
from tests.history.samples import a_failure, a_task

# Two of them ask the same question, and answer what they find open.
pytestmark = [pytest.mark.prefect, pytest.mark.xdist_group("drafts")]

TEXT = """---
id: say.it
version: 1.0.0
variables:
  text: string
tests:
  - {name: shows the text, data: {text: Hello.}, expect: [Hello.]}
---
Sum up {{ text }}
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a template, and a history of its own."""
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "say.md.j2").write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_HISTORY_URL", f"sqlite:///{tmp_path}/history.db")
    return tmp_path


def better(source: str = "Sum up in one sentence: {{ text }}") -> Reply:
    """A model's better version."""
    return Reply.json_value({"source": source, "notes": "One sentence is what was wanted."})


def versions() -> tuple[str, ...]:
    """The versions of the template that there are."""
    return open_prompts(Path()).versions("say.it")


def test_model_writes_a_draft(
    cli: Command, project: Path, openai_env: ScriptedServer, prefect_server: str
) -> None:  # P-67 P-38
    """It is told how the template has done; the draft has its parent, and nobody is given it."""
    prompt = PromptVersion(id="say.it", version="1.0.0", hash="0" * 64)
    now = datetime.now(UTC)
    SqlHistory(f"sqlite:///{project}/history.db").register(
        *(a_task(number, prompt=prompt, at=now) for number in range(5)),
        *(a_failure(number, prompt=prompt, at=now, code="invalid_output", message="too long") for number in range(4)),
    )
    openai_env.on("Write a better version", better())
    done = cli("prompts", "improve", "say.it", "--wish", "Be brief.", "--model", "openai/scripted")
    draft = open_prompts(Path()).get("say.it@1.1.0-draft.1")
    asked = openai_env.requests[0].prompt_text

    assert done.code == 0, done.err
    assert "Written: prompts/say/it-1.1.0-draft.1.md.j2" in done.out
    assert (draft.source, draft.parent, draft.author) == (
        "Sum up in one sentence: {{ text }}\n",
        "say.it@1.0.0",
        "model scripted",
    )
    assert draft.notes == "One sentence is what was wanted."
    for said in ("Sum up {{ text }}", "5 of 5 tasks succeeded.", "4 attempts failed", "too long", "Be brief."):
        assert said in asked
    assert open_prompts(Path()).get("say.it").version == "1.0.0"
    assert open_prompts(Path()).get("say.it@^1.0").version == "1.0.0"


def test_text_that_cannot_be_used_is_sent_back(
    cli: Command, openai_env: ScriptedServer, prefect_server: str
) -> None:  # P-67
    """With what is wrong with it; after three of them there is no draft."""
    openai_env.on("Write a better version", better("Say {{ secret }}"), better("{% if %}"), better("Sum up {{ text }}"))
    done = cli("prompts", "improve", "say.it", "--model", "openai/scripted")

    assert (done.code, "can be used, 3 times" in done.err) == (4, True)
    assert "The text is the same as before" in done.err
    assert "'secret' is not declared" in openai_env.requests[1].prompt_text
    assert "Say {{ secret }}" in openai_env.requests[1].prompt_text
    assert "Line 1: " in openai_env.requests[2].prompt_text
    assert versions() == ("1.0.0",)


def test_refinement_stops_at_the_limit(
    cli: Command, project: Path, openai_env: ScriptedServer, prefect_server: str
) -> None:  # P-38
    """Each draft has its parent; while three wait for a person there is no fourth, and no model is asked."""
    for number in (1, 2, 3):
        parent = f"say.it@1.1.0-draft.{number - 1}" if number > 1 else "say.it@1.0.0"
        (project / "prompts" / f"draft-{number}.md.j2").write_text(
            TEXT.replace("version: 1.0.0", f"version: 1.1.0-draft.{number}\nparent: {parent}")
        )
    done = cli("prompts", "improve", "say.it@1.1.0-draft.3", "--model", "openai/scripted")

    assert (done.code, "3 drafts that nobody has decided about" in done.err) == (2, True)
    assert openai_env.count == 0
    assert [open_prompts(Path()).get(f"say.it@{version}").parent for version in versions()[1:]] == [
        "say.it@1.1.0-draft.2",
        "say.it@1.1.0-draft.1",
        "say.it@1.0.0",
    ][::-1]


def write_draft(project: Path) -> Path:
    """A draft of the template."""
    path = project / "prompts" / "say-1.1.0-draft.1.md.j2"
    path.write_text(TEXT.replace("1.0.0", "1.1.0-draft.1").replace("Sum up", "Briefly sum up"))
    return path


def test_draft_is_published_for_a_share_of_the_work(cli: Command, project: Path) -> None:
    """It loses its mark, the version before stays the one in use, and the log says who approved it."""
    path = write_draft(project)
    refused = cli("prompts", "rollout", "say.it", "1.1.0-draft.1", "--percent", "10")
    done = cli("prompts", "approve", "say.it@1.1.0-draft.1", "--percent", "20", "--author", "Ada", "--note", "Fine.")
    (entry,) = ReleaseFile(project / "prompts" / FILE).read()

    assert (refused.code, "is a draft, which nobody has approved" in refused.err) == (2, True)
    assert "say.it@1.1.0 is published: for 20 % of the work, 1.0.0 for the rest" in done.out
    assert versions() == ("1.0.0", "1.1.0")
    assert not path.exists()
    assert (entry.stable, entry.candidate, entry.percent, entry.author, entry.note) == (
        "1.0.0",
        "1.1.0",
        20,
        "Ada",
        "Fine.",
    )
    assert open_prompts(Path()).get("say.it").version == "1.0.0"
    assert "is no draft" in cli("prompts", "approve", "say.it@1.1.0").err
    other = project / "prompts" / "say-1.2.0-draft.1.md.j2"
    other.write_text(TEXT.replace("1.0.0", "1.2.0-draft.1").replace("Sum up", "Shortly sum up"))
    busy = cli("prompts", "approve", "say.it@1.2.0-draft.1")
    assert (busy.code, "say.it@1.1.0 is tried at the moment" in busy.err, other.exists()) == (2, True, True)


def opened(cli: Command, asking: subprocess.Popen[str]) -> str:
    """The id of the run that waits for an answer, once there is one."""
    while asking.poll() is None:
        listed = json.loads(cli("interventions", "list", "-f", "json").out)
        found = [each["run_id"] for each in listed if "say.it@1.1.0-draft.1" in each["question"]]
        if found:
            return found[0]
    raise AssertionError(asking.communicate()[1])


def test_people_are_asked_in_the_ui(cli: Command, project: Path, prefect_server: str) -> None:
    """The question shows what has changed; an approval publishes, and the log says whose it was and why."""
    write_draft(project)
    command = [str(PROGRAM), "prompts", "approve", "say.it@1.1.0-draft.1", "--ask", "--within-s", "90"]
    pipe = subprocess.PIPE
    asking = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True)
    try:
        run_id = opened(cli, asking)
        shown = cli("interventions", "show", run_id).out
        answered = cli("interventions", "respond", run_id, "-d", "approve", "--by", "Bea", "-c", "Seen.")
        out, err = asking.communicate(timeout=90)
    finally:
        asking.kill()
    (entry,) = ReleaseFile(project / "prompts" / FILE).read()

    assert answered.code == 0, answered.err
    assert "+Briefly sum up {{ text }}" in shown
    assert asking.returncode == 0, err
    assert "say.it@1.1.0 is published: for 10 % of the work" in out
    assert (entry.author, entry.note) == ("Bea", "Seen.")
    assert versions() == ("1.0.0", "1.1.0")


def test_draft_that_nobody_approves_stays_one(cli: Command, project: Path, prefect_server: str) -> None:
    """When the time is up it counts as rejected."""
    write_draft(project)
    done = cli("prompts", "approve", "say.it@1.1.0-draft.1", "--ask", "--within-s", "1")

    assert (done.code, "say.it@1.1.0-draft.1 stays a draft: " in done.out) == (4, True)
    assert versions() == ("1.0.0", "1.1.0-draft.1")
    assert not (project / "prompts" / FILE).exists()
