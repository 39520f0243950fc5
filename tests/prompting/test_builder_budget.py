"""Context in a prompt that has a budget."""

from agentic_prefect.models.prompt import ContextItem
from agentic_prefect.policies.budget import estimate_tokens
from agentic_prefect.prompting.builder import PromptBuilder
from agentic_prefect.prompting.registry import default_registry
from tests.prompting.samples import full_work, make_builder, make_work


def test_context_is_trimmed_to_the_budget() -> None:  # P-15
    """Ten times too much context: the prompt fits, the best items stay in order, and the rest is reported."""
    items = tuple(
        ContextItem(text=f"{index} " + "x" * 400, source=f"s{index}", priority=index % 10) for index in range(100)
    )
    prompt = make_builder(max_prompt_tokens=1_000).build_for_task(full_work(context=items))

    shown = [index for index in range(100) if f"From s{index}:" in prompt.record.text]
    assert estimate_tokens(prompt.record.text) <= 1_000
    assert {index % 10 for index in shown} == {9}
    assert len(shown) + len(prompt.dropped) == 100
    assert set(prompt.dropped) == {f"s{index}" for index in range(100) if index not in shown}
    assert shown == sorted(shown)


def test_budget_holds_and_is_used() -> None:
    """Whatever the budget, the prompt fits it, and no dropped item would have had room."""
    registry = default_registry()
    work = make_work(context=tuple(ContextItem(text=f"{index}" * 60) for index in range(8)))
    for tokens in range(80, 220):
        prompt = PromptBuilder(registry, max_prompt_tokens=tokens).build_for_task(work)
        chars = len(prompt.record.text)

        assert chars <= tokens * 4
        assert not prompt.dropped or len(prompt.dropped) == 8 or chars + 62 > tokens * 4


def test_context_that_fits_is_left_alone() -> None:
    """Nothing is dropped without need, and without a budget nothing is dropped at all."""
    items = tuple(ContextItem(text=f"{index} " + "x" * 4_000) for index in range(50))

    assert make_builder().build_for_task(make_work(context=items)).dropped == ()
    assert make_builder(max_prompt_tokens=60_000).build_for_task(make_work(context=items)).dropped == ()


def test_context_without_any_room_leaves_no_heading() -> None:
    """When all of it goes, so does its section."""
    prompt = make_builder(max_prompt_tokens=60).build_for_task(
        make_work(context=(ContextItem(text="x" * 900, source="s"),))
    )

    assert "# Context" not in prompt.record.text
    assert prompt.dropped == ("s",)
