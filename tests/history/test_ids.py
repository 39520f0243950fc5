"""Ids of entries."""

import subprocess
import sys

import pytest

from agentic_prefect.history.ids import entry_id
from agentic_prefect.models.history_errors import AmbiguousId


def test_an_id_is_given_random_or_derived() -> None:
    """One that is given holds; without anything it is another one each time; equal content gives an equal one."""
    #
    options = {"plan": "trip", "task": "write", "retries": 3}

    assert entry_id("mine") == "mine"
    assert entry_id() != entry_id()
    assert entry_id(content=options) == entry_id(content=dict(reversed(options.items())))
    assert entry_id(content=options) != entry_id(content={**options, "retries": 4})


def test_the_same_content_gives_the_same_id_in_another_process() -> None:
    """Whatever that process's hash seed is."""
    code = (
        "from agentic_prefect.history.ids import entry_id; print(entry_id(content=['run', 'task', {'a': 1, 'b': 2}]))"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()

    assert there == entry_id(content=["run", "task", {"b": 2, "a": 1}])


def test_an_id_and_content_are_one_too_many() -> None:
    """It says what to leave out."""
    with pytest.raises(AmbiguousId, match=r"'mine' was given, and content to derive an id from. Give one of the two"):
        entry_id("mine", content=[1])
