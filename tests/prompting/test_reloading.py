"""A registry that follows its sources."""

import logging
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agentic_prefect.prompting.errors import PromptError, UnknownTemplate
from agentic_prefect.prompting.registry import PromptRegistry
from agentic_prefect.prompting.sources import CodeSource, Kept
from tests.prompting.samples import template


def write(folder: Path, name: str, text: str, version: str = "1.0.0") -> Path:
    """A template file whose id is its name."""
    path = folder / f"{name}.md.j2"
    path.write_text(f"---\nid: {name}\nversion: {version}\n---\n{text}\n")
    return path


def following(folder: Path, **options: Any) -> PromptRegistry:
    """A registry that has read a folder."""
    registry = PromptRegistry(**options)
    registry.load(folder)
    return registry


def text_of(registry: PromptRegistry, reference: str) -> str:
    """The only message of a template."""
    return registry.render(reference)[0].content


def test_edited_file_is_used_from_then_on(tmp_path: Path) -> None:  # P-49
    """A change, a new file and a file that is gone are all taken over."""
    write(tmp_path, "a", "old")
    gone = write(tmp_path, "b", "gone")
    registry = following(tmp_path)
    assert text_of(registry, "a") == "old"
    write(tmp_path, "a", "new text")
    write(tmp_path, "c", "added")
    gone.unlink()

    assert registry.refresh(at_once=True)
    assert [text_of(registry, name) for name in ("a", "c")] == ["new text", "added"]
    with pytest.raises(UnknownTemplate):
        registry.get("b")
    assert not registry.refresh(at_once=True)


@pytest.mark.parametrize("broken", ["{% if %}", "{{ x | nothing }}", "{% extends 'nobody' %}", ""])
def test_broken_edit_keeps_the_last_good_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, broken: str
) -> None:  # P-49
    """What was good goes on being used; the log says so once, and `faults` until it is put right."""
    path = write(tmp_path, "a", "good")
    registry = following(tmp_path)
    write(tmp_path, "a", broken) if broken else path.write_text("no front matter")

    with caplog.at_level(logging.WARNING):
        registry.refresh(at_once=True)
        write(tmp_path, "other", "x")
        registry.refresh(at_once=True)

    assert text_of(registry, "a") == "good"
    assert [str(path) in record.getMessage() for record in caplog.records] == [True]
    assert [str(path) in fault for fault in registry.faults] == [True]
    write(tmp_path, "a", "mended")
    registry.refresh(at_once=True)
    assert (text_of(registry, "a"), registry.faults) == ("mended", ())


def test_edit_that_breaks_another_template_in_use_is_left_out(tmp_path: Path) -> None:
    """A parent that its child cannot live with stays as it was."""
    write(tmp_path, "base", "{% block user %}{% block inner %}{% endblock %}{% endblock %}")
    write(tmp_path, "kid", "{% extends 'base@^1.0' %}{% block inner %}hello{% endblock %}")
    registry = following(tmp_path)
    assert text_of(registry, "kid") == "hello"
    write(tmp_path, "base", "{% block user %}new{% endblock %}", version="2.0.0")

    registry.refresh(at_once=True)

    assert text_of(registry, "kid") == "hello"
    assert "has no version '^1.0'" in registry.faults[0]


def test_files_that_need_each_other_arrive_together(tmp_path: Path) -> None:
    """The order in which they are read does not matter."""
    registry = following(tmp_path)
    write(tmp_path, "a", "{% extends 'z' %}{% block user %}{{ super() }}!{% endblock %}")
    write(tmp_path, "z", "{% block user %}hello{% endblock %}")

    registry.refresh(at_once=True)

    assert (text_of(registry, "a"), registry.faults) == ("hello!", ())


def test_folder_that_is_gone_leaves_its_templates(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A source that cannot be read any more is told of; what it had is used."""
    folder = tmp_path / "prompts"
    folder.mkdir()
    path = write(folder, "a", "here")
    registry = following(folder)
    path.unlink()
    folder.rmdir()

    with caplog.at_level(logging.WARNING):
        registry.refresh(at_once=True)

    assert text_of(registry, "a") == "here"
    assert "There is no folder" in registry.faults[0]
    assert "There is no folder" in caplog.text


def test_files_are_looked_at_once_a_second(tmp_path: Path) -> None:
    """Asking before every task costs nothing in between."""
    now = [0.0]
    write(tmp_path, "a", "old")
    registry = following(tmp_path, clock_s=lambda: now[0])
    write(tmp_path, "a", "new text")

    assert not registry.refresh()
    now[0] = 1.0
    assert registry.refresh()
    assert text_of(registry, "a") == "new text"


def test_code_is_a_source(tmp_path: Path) -> None:
    """What is registered in code after a registry was made is found by it, too."""
    source, now = CodeSource(), datetime.now(UTC)
    registry = PromptRegistry()
    registry.add(source)
    source.add(template("a", "from code"), at=now)
    registry.refresh(at_once=True)

    assert text_of(registry, "a") == "from code"
    with pytest.raises(PromptError, match="raise `version`"):
        source.add(template("a", "another"), at=now)


class Slow:
    """A source that takes its time."""

    is_slow: bool = True

    def __init__(self, text: str) -> None:
        self.text = text

    def look(self) -> Mapping[str, str]:
        return {"a": self.text}

    def read(self, name: str) -> Kept:
        return Kept(template(name, self.text), datetime.now(UTC))


def test_slow_source_is_looked_at_beside_the_work() -> None:
    """The first look is waited for; the later ones are not, and what they saw comes with a later call."""
    now, source = [0.0], Slow("one")
    registry = PromptRegistry(clock_s=lambda: now[0])
    registry.add(source)
    source.text = "two"
    now[0] = 100.0
    assert text_of(registry, "a") == "one"

    registry.refresh()
    for thread in threading.enumerate():
        if thread.name == "prompt-templates":
            thread.join()
    registry.refresh()

    assert text_of(registry, "a") == "two"
