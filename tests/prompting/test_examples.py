"""Examples in a prompt: which, in which order, and how they are shown."""

import pytest
from pydantic import ValidationError

from agentic_prefect.prompting.errors import PromptError
from agentic_prefect.prompting.examples import Example, FewShot, chosen_examples
from tests.prompting.samples import full_work, make_builder, make_work, sections, template

EXAMPLES = tuple(
    Example(input=text, output=f"out {number}")
    for number, text in enumerate(["surf in Portugal", "hike in Norway", "surf in Bali", "ski in Norway"], start=1)
)

RULES = [
    (FewShot(), [1, 2, 3]),
    (FewShot(rule="first", most=2), [1, 2]),
    (FewShot(rule="first", most=0), []),
    (FewShot(rule="first", most=9), [1, 2, 3, 4]),
    (FewShot(rule="fixed"), [1, 2, 3, 4]),
    (FewShot(rule="fixed", pick=(4, 1)), [4, 1]),
    (FewShot(rule="similar", most=2), [2, 4]),
    (FewShot(rule="similar", most=1), [2]),
    (FewShot(rule="similar", most=3), [1, 2, 4]),
]


@pytest.mark.parametrize(("rule", "numbers"), RULES, ids=[str(rule) for rule, _ in RULES])
def test_examples_are_chosen_by_rule(rule: FewShot, numbers: list[int]) -> None:  # P-65
    """Fixed, the first ones or the most similar ones, at most so many, in order."""
    chosen = chosen_examples(EXAMPLES, rule, task="Where to hike in Norway?")

    assert [example.output for example in chosen] == [f"out {number}" for number in numbers]


def test_pick_goes_with_fixed() -> None:
    """A rule that would not heed it is refused."""
    with pytest.raises(ValidationError, match="`pick` goes with `rule: fixed`"):
        FewShot(rule="first", pick=(1,))


def test_examples_stand_in_the_prompt() -> None:  # P-65
    """A template that extends the default shows its own, texts as they are and data as JSON, at most `most`."""
    own = template(
        "mine",
        '{% extends "agent.default" %}',
        examples=[{"input": {"a": 1}, "output": "one", "note": "It is short."}, {"input": "b", "output": ["two"]}],
        few_shot={"most": 1},
    )
    text = sections(make_builder(own).build_for_task(make_work("Go.", prompt="mine")).record.text)

    assert text["# System Instructions"].endswith(
        '## Examples\n\nInput:\n{\n  "a": 1\n}\n\nOutput:\none\n\nWhy it is good: It is short.'
    )


def test_a_child_takes_over_examples_and_rule() -> None:
    """What extends a template with examples has them, too, unless it has its own."""
    parent = template(
        "parent",
        '{% extends "agent.default" %}',
        examples=[{"input": "a", "output": "OUT"}],
        few_shot={"rule": "fixed"},
    )
    builder = make_builder(parent, template("child", '{% extends "parent" %}'))

    assert "OUT" in builder.build_for_task(full_work(prompt="child")).record.text


def test_picking_what_is_not_there_is_refused() -> None:
    """The message says how many there are."""
    own = template("mine", "x", examples=[{"input": "a", "output": "b"}], few_shot={"rule": "fixed", "pick": [2]})

    with pytest.raises(PromptError, match="names example 2, and there are 1"):
        make_builder(own).build_for_task(make_work(prompt="mine"))
