"""A script is data: it is read from JSON, refuses what it does not know, and is built in short calls."""

from typing import Any

import pytest
from pydantic import ValidationError

from agentic_prefect.testing import Fault, Match, Reply, Rule, Script, ToolCall
from agentic_prefect.testing.script import Answer

ANSWERS = [
    Reply.text("hello"),
    Reply.json_value({"a": [1, None]}),
    Reply.echo(array_items=3).delayed(0.5),
    Reply.tools(ToolCall(name="weather", arguments={"city": "Oslo"}), text="Wait."),
    Reply.hold(),
    Fault.rate_limited(2, retry_after_form="date").on_hold(),
    Fault.hang("head"),
    Fault.drop("half"),
    Fault.malformed_body(),
    Fault.stream_error(),
    Fault.truncated_json(),
    Fault.refusal(),
]


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.kind)
def test_answers_go_through_json(answer: Answer) -> None:
    """Every answer can be written to a script file and read back."""
    script = Script(rules=(Rule(when=Match(text="x"), answers=(answer,), times=2),), default=answer)

    assert Script.model_validate_json(script.model_dump_json()) == script


def test_the_short_forms_of_a_file() -> None:
    """In a file a string stands for the text of a condition and of a reply."""
    file = '{"rules": [{"when": "Lisbon", "answers": [{"kind": "reply", "content": "warm"}]}]}'

    assert Script.model_validate_json(file).rules == (Rule(when=Match(text="Lisbon"), answers=(Reply.text("warm"),)),)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"rule": []}, "Extra inputs are not permitted"),
    ({"default": {"kind": "explode"}}, "does not match any of the expected tags"),
    ({"default": {"kind": "status", "status": 200}}, "greater than or equal to 400"),
    ({"default": {"kind": "reply", "delay_s": -1}}, "greater than or equal to 0"),
    ({"rules": [{"answers": []}]}, "at least 1 item"),
    ({"rules": [{"times": 0}]}, "greater than 0"),
    ({"rules": [{"when": {"pattern": "(unclosed"}}]}, "'(unclosed' is not a regular expression"),
]


@pytest.mark.parametrize(("script", "words"), BAD, ids=lambda value: str(value)[:30])
def test_a_bad_script_is_refused(script: dict[str, Any], words: str) -> None:
    """What a script cannot mean is an error before anything is played."""
    with pytest.raises(ValidationError) as caught:
        Script.model_validate(script)

    assert words in str(caught.value)


def test_delayed_and_held_keep_the_rest() -> None:
    """`delayed` and `on_hold` change nothing else, and not the answer that they are called on."""
    fault = Fault.rate_limited(2)

    changed = fault.delayed(1.5).on_hold()

    assert (changed.delay_s, changed.held, changed.status, changed.retry_after_s) == (1.5, True, 429, 2)
    assert (fault.delay_s, fault.held) == (0, False)
