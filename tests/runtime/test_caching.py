"""The key under which a result is kept."""

from typing import Any

import pytest

from agentic_prefect.models.agent import AgentSpec
from agentic_prefect.models.connection import Connection
from agentic_prefect.models.task import AgentTask
from agentic_prefect.ports import Work
from agentic_prefect.runtime import caching
from agentic_prefect.runtime.caching import content_key


def work_of(task: dict[str, Any] | None = None, agent: dict[str, Any] | None = None, **fields: Any) -> Work:
    """A piece of work."""
    return Work(
        task=AgentTask.model_validate({"id": "x", **(task or {})}),
        task_id=fields.pop("task_id", "x"),
        agent=AgentSpec.model_validate({"name": "a", **(agent or {})}),
        **{"description": "d", **fields},
    )


@pytest.mark.parametrize(
    ("model", "relevant", "irrelevant"),
    [
        (AgentTask, caching.RELEVANT_TASK_FIELDS, caching.IRRELEVANT_TASK_FIELDS),
        (AgentSpec, caching.RELEVANT_AGENT_FIELDS, caching.IRRELEVANT_AGENT_FIELDS),
        (Connection, caching.RELEVANT_CONNECTION_FIELDS, caching.IRRELEVANT_CONNECTION_FIELDS),
    ],
)
def test_every_field_is_either_in_the_key_or_has_a_reason(model: Any, relevant: Any, irrelevant: Any) -> None:
    """A new field that somebody forgot would serve an old answer to a new question."""
    assert set(relevant) | set(irrelevant) == set(model.model_fields)
    assert not set(relevant) & set(irrelevant)


@pytest.mark.parametrize(
    "other",
    [
        work_of({"model": "m"}),
        work_of({"prompt": "p"}),
        work_of(agent={"role": "r"}),
        work_of(agent={"settings": {"seed": 1}}),
        work_of(description="e"),
        work_of(input={"a": 1}),
        work_of(task_id="x[0]"),
    ],
)
def test_what_could_change_the_answer_changes_the_key(other: Work) -> None:
    """Two agents with equal inputs, too."""
    assert content_key(other, lineage="r") != content_key(work_of(), lineage="r")


def test_what_cannot_change_the_answer_does_not() -> None:
    """Nor does the order of keys, or the attempt."""
    first = content_key(work_of({"retries": 3, "timeout_s": 5}, input={"a": 1, "b": 2}, attempt=2), lineage="r")

    assert first == content_key(work_of(input={"b": 2, "a": 1}), lineage="r")


def test_half_a_character_has_a_key_of_its_own() -> None:
    """Half of a surrogate pair, which has no UTF-8, is content like any other."""
    keys = {content_key(work_of(input={"a": text}), lineage="r") for text in ("\ud83d", "\ud83e", "?")}

    assert len(keys) == 3


def test_lineage_template_and_connection_count() -> None:
    """An answer of another lineage, template or address is another answer; a key or a limit changes nothing."""
    keys = [
        content_key(work_of(), lineage="r"),
        content_key(work_of(), lineage="s"),
        content_key(work_of(), lineage="r", fingerprint="t"),
        content_key(work_of(), lineage="r", connection=Connection(base_url="http://a")),
        content_key(work_of(), lineage="r", connection=Connection(base_url="http://b", max_in_flight=1)),
        content_key(work_of(), lineage="r", connection=Connection(base_url="http://b", api_key_env="K")),
    ]

    assert [keys.index(key) for key in keys] == [0, 1, 2, 3, 4, 4]
    assert all(len(key) == 64 and int(key, 16) for key in keys)
