"""Attempts that ask their model again and again."""

import pytest

from agentic_prefect.errors import InvalidOutput, RateLimited, Runaway
from agentic_prefect.llm.structured import complete_structured
from agentic_prefect.llm.turns import MOST_ALIKE, CountedModel, Turns
from agentic_prefect.models.chat import ChatRequest, OutputSchema
from agentic_prefect.models.usage import Usage
from agentic_prefect.testing import Fault, Reply, ScriptedChatModel
from tests.llm.conftest import ask

NUMBER = OutputSchema(name="number", json_schema={"type": "integer"})


async def repaired(model: ScriptedChatModel, *, repairs: int, most: int | None = None) -> tuple[object, Usage]:
    """The number that the model was asked for, and what asking took."""
    spent = [Usage()]
    request: ChatRequest = ask("How many?").model_copy(update={"output": NUMBER})
    try:
        counted = CountedModel(model, Turns("count", most))
        value, _ = await complete_structured(counted, request, repairs=repairs, on_usage=spent.append)
    except Runaway as error:
        return error, sum(spent, Usage())
    return value, sum(spent, Usage())


async def test_an_attempt_has_so_many_turns(scripted_model: ScriptedChatModel) -> None:
    """The turn after the last one is not taken, nothing is counted for it, and the error keeps what was wrong."""
    #
    scripted_model.on(None, *(Reply.text(f"about {number}") for number in range(9)))
    error, spent = await repaired(scripted_model, repairs=9, most=2)

    assert isinstance(error, Runaway)
    assert str(error).startswith("Task 'count' has asked its model 2 times in this attempt, as often as `max_turns`")
    assert isinstance(error.__cause__, InvalidOutput)
    assert (scripted_model.count, spent.calls) == (2, 2)


async def test_turns_within_the_limit_are_taken(scripted_model: ScriptedChatModel) -> None:
    """The last turn may still bring the answer."""
    scripted_model.on(None, Reply.text("two or three"), Reply.text("2"))

    assert (await repaired(scripted_model, repairs=9, most=2))[0] == 2


async def test_the_same_answer_again_and_again_ends_the_attempt(scripted_model: ScriptedChatModel) -> None:
    """A model that answers every repair alike is not asked as often as repairs are allowed."""
    scripted_model.on(None, Reply.text("many"))
    error, spent = await repaired(scripted_model, repairs=9)

    assert "goes round in circles: it has been given the same answer 3 times" in str(error)
    assert (scripted_model.count, spent.calls) == (MOST_ALIKE, MOST_ALIKE)


async def test_a_model_that_gets_on_is_left_alone(scripted_model: ScriptedChatModel) -> None:
    """Answers that differ, or are the same only now and then, are no circle."""
    scripted_model.on(None, *(Reply.text(text) for text in ("a", "b", "a", "b", "7")))

    assert (await repaired(scripted_model, repairs=9))[0] == 7


async def test_the_same_request_again_and_again_ends_the_attempt(scripted_model: ScriptedChatModel) -> None:
    """Whatever the answers are; another request may still be sent."""
    scripted_model.on(None, *(Reply.text(str(number)) for number in range(9)))
    model = CountedModel(scripted_model, Turns("poll", None))
    for _ in range(MOST_ALIKE):
        await model.complete(ask("And now?"))
    with pytest.raises(Runaway, match="Task 'poll' goes round in circles: it has sent the same request 3 times"):
        await model.complete(ask("And now?"))

    assert (await model.complete(ask("Something else."))).text == "3"


async def test_what_was_refused_may_be_sent_again(scripted_model: ScriptedChatModel) -> None:
    """Only what was answered can be a circle: a rate limit or a timeout is no answer."""
    scripted_model.on(None, *[Fault.rate_limited()] * 9, Reply.text("fine"))
    model = CountedModel(scripted_model, Turns("patient", None))
    for _ in range(9):
        with pytest.raises(RateLimited):
            await model.complete(ask("Hi."))

    assert (await model.complete(ask("Hi."))).text == "fine"
