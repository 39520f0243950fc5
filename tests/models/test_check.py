"""Checks as people write them."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from agentic_prefect.models.check import AnyCheck, Check, title_of

ADAPTER: TypeAdapter[AnyCheck] = TypeAdapter(Check)

WRITTEN = [
    ("schema", {"kind": "schema"}, "schema", "schema"),
    ("mine", {"kind": "named", "verifier": "mine"}, "mine", "mine"),
    ({"mine": {"a": 1}}, {"kind": "named", "verifier": "mine", "options": {"a": 1}}, None, "mine"),
    (
        {"check": "mine", "a": 1, "name": "n", "required": True},
        {"kind": "named", "verifier": "mine", "options": {"a": 1}, "name": "n", "required": True},
        {"kind": "named", "verifier": "mine", "options": {"a": 1}, "name": "n", "required": True},
        "n",
    ),
    ({"schema": {"type": "object"}}, {"kind": "schema", "json_schema": {"type": "object"}}, None, "schema"),
    (
        {"expression": "{{ output > 1 }}", "message": "m"},
        {"kind": "expression", "expression": "{{ output > 1 }}", "message": "m"},
        None,
        "output > 1",
    ),
    ({"judge": "Good."}, {"kind": "judge", "criterion": "Good."}, None, "judge"),
    ({"critics": "Good."}, {"kind": "critics", "criteria": ("Good.",)}, {"critics": ["Good."]}, "critics"),
    ({"function": "a.b:c"}, {"kind": "function", "call": "a.b:c"}, None, "a.b:c"),
]


@pytest.mark.parametrize(("written", "fields", "again", "title"), WRITTEN, ids=[str(row[0]) for row in WRITTEN])
def test_short_forms(written: Any, fields: dict[str, Any], again: Any, title: str) -> None:
    """Each stands for the whole, and is written down again as people write it."""
    check = ADAPTER.validate_python(written)

    assert {name: getattr(check, name) for name in fields} == fields
    assert ADAPTER.dump_python(check, mode="json") == (written if again is None else again)
    assert ADAPTER.validate_python(ADAPTER.dump_python(check, mode="json")) == check
    assert title_of(check) == title


@pytest.mark.parametrize(
    "written",
    [
        "",
        3,
        {},
        {"judge": ""},
        {"critics": []},
        {"judge": "x", "at_least_ratio": 1.5},
        {"judge": "x", "typo": 1},
        {"check": "judge"},
        {"a": 1, "b": 2},
    ],
    ids=str,
)
def test_what_is_no_check_is_refused(written: object) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(written)
