"""Prompt templates in Prefect's blocks and variables."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from prefect.client.orchestration import get_client
from prefect.variables import Variable

from agentic_prefect.blocks.stored_prompt import SLUG, PrefectPrompts, StoredPrompt
from agentic_prefect.prompting.errors import PromptError
from agentic_prefect.prompting.front_matter import read_template
from agentic_prefect.prompting.registry import PromptRegistry

pytestmark = [pytest.mark.prefect, pytest.mark.xdist_group("prompts-in-prefect")]

TEXT = """---
id: kept.anywhere
version: 1.2.0
variables:
  who: string
---
{% block system %}
# Greeting

Be kind.
{% endblock %}
{% block user %}
Greet {{ who }}.
{% endblock %}
"""


@pytest.fixture(autouse=True)
def _nothing_is_left(prefect_server: str) -> Iterator[None]:
    """What a test keeps in Prefect is removed after it."""
    yield
    with get_client(sync_client=True) as client:
        for name in ("greeting", "greeting_fields"):
            Variable.unset(name, _sync=True)  # pyright: ignore[reportCallIssue]
        for document in client.read_block_documents():
            if document.block_type and document.block_type.slug == SLUG:
                client.delete_block_document(document.id)


def set_variable(name: str, value: Any) -> None:
    """A variable with the tag of templates."""
    cast("Any", Variable).set(name, value, tags=[SLUG], overwrite=True, _sync=True)


def from_prefect() -> PromptRegistry:
    """A registry of what Prefect keeps."""
    registry = PromptRegistry()
    registry.add(PrefectPrompts())
    return registry


def test_template_renders_the_same_wherever_it_is_kept(tmp_path: Path) -> None:  # P-47
    """Code, a file, a block, a variable with a file's text and one with fields: the messages and the hash are one."""
    (tmp_path / "a.md.j2").write_text(TEXT)
    of_file = PromptRegistry()
    of_file.load(tmp_path)
    template = read_template(TEXT, origin="code")
    cast("Any", StoredPrompt(text=TEXT)).save("greeting", _sync=True)
    of_block = from_prefect()
    with get_client(sync_client=True) as client:
        client.delete_block_document(client.read_block_document_by_name("greeting", SLUG).id)
    set_variable("greeting", TEXT)
    of_variable = from_prefect()
    set_variable("greeting", template.model_dump(mode="json", exclude_unset=True))
    of_fields = from_prefect()

    registries = (PromptRegistry([template]), of_file, of_block, of_variable, of_fields)
    seen = {
        (registry.program(registry.get("kept.anywhere")).hash, registry.render("kept.anywhere", {"who": "Ada"}))
        for registry in registries
    }

    assert len(seen) == 1
    assert of_block.get("kept.anywhere").origin == "block greeting"
    assert of_fields.get("kept.anywhere").origin == "variable greeting"


def test_server_that_knows_no_such_block_has_no_templates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has made one yet."""
    monkeypatch.setattr("agentic_prefect.blocks.stored_prompt.SLUG", "agentic-nobody-made-one")

    assert len(from_prefect()) == 0


def test_changed_variable_is_taken_over_and_a_broken_one_is_not() -> None:
    """The last good text is used until the variable is right again."""
    set_variable("greeting", TEXT)
    registry = from_prefect()
    set_variable("greeting", TEXT.replace("Be kind", "Be brief"))

    assert registry.refresh(at_once=True)
    assert "Be brief" in registry.render("kept.anywhere", {"who": "Ada"})[0].content
    set_variable("greeting", {"id": "kept.anywhere", "version": "x", "source": "Hi"})
    registry.refresh(at_once=True)
    assert "Be brief" in registry.render("kept.anywhere", {"who": "Ada"})[0].content
    assert "variable greeting is no prompt template: version: " in registry.faults[0]


def test_variable_without_the_tag_is_none_of_ours() -> None:
    """Whatever else is kept in Prefect is left alone."""
    cast("Any", Variable).set("greeting", "hello", overwrite=True, _sync=True)

    assert len(from_prefect()) == 0


def test_server_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A first look that fails is an error: the wrong prompts would be used otherwise."""
    source = PrefectPrompts()
    monkeypatch.setattr("agentic_prefect.blocks.stored_prompt.get_client", _refusing)

    with pytest.raises(PromptError, match=r"cannot be read from Prefect: nobody is there.*`prompts_in_prefect`"):
        source.look()


def _refusing(*, sync_client: bool) -> Any:
    raise RuntimeError("nobody is there")
