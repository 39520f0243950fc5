"""Budgets over calls, in a row and at once."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest

from agentic_prefect.errors import BudgetExceeded, RateLimited, Refused
from agentic_prefect.llm.ledger import Ledger
from agentic_prefect.llm.metered import ASSUMED_OUTPUT_TOKENS, MeteredModel, MeteredModels, Price
from agentic_prefect.llm.rehearsal import RehearsalModel
from agentic_prefect.llm.structured import complete_structured
from agentic_prefect.models.budget import Budget
from agentic_prefect.models.chat import ChatRequest, ModelSettings, OutputSchema
from agentic_prefect.models.usage import Usage
from agentic_prefect.policies.budget import Account, Amount
from agentic_prefect.ports import ResolvedModel
from agentic_prefect.testing import Fault, Reply, ReportedUsage, ScriptedChatModel, ScriptedServer
from tests.llm.conftest import MakeModel, ask

USED = ReportedUsage(input_tokens=10, output_tokens=5)


def per_token(model: str, usage: Usage) -> Decimal | None:
    """A cent a token for every model but the unknown one."""
    return None if model == "unknown" else Decimal(usage.total_tokens) / 100


def unpriced(model: str, usage: Usage) -> Decimal | None:
    """Nobody knows."""
    return None


def small(text: str = "x" * 40, *, answer: int = 10, model: str = "known") -> ChatRequest:
    """A request that may take 10 tokens of prompt and `answer` tokens of answer."""
    return ask(text, model=model, settings=ModelSettings(max_output_tokens=answer))


def metered(model: ScriptedChatModel, price: Price = per_token, **limits: Any) -> tuple[MeteredModel, Ledger]:
    """A metered model and its ledger."""
    ledger = Ledger(Budget(**limits), scope="plan 'trip'")
    return MeteredModel(model, ledger=ledger, price=price), ledger


async def test_settles_at_what_was_used(scripted_model: ScriptedChatModel) -> None:  # L-33
    """The response has its price, and the ledger what was used, not what was set aside."""
    scripted_model.on(None, Reply.text("hi", usage=USED))
    model, ledger = metered(scripted_model, usd=1)
    response = await model.complete(small())

    assert response.usage == Usage(input_tokens=10, output_tokens=5, calls=1, cost_usd=Decimal("0.15"))
    assert (ledger.account.spent, ledger.account.reserved) == (Amount(1, 15, Decimal("0.15")), Amount())


LIMITS = [
    ({"calls": 2}, "is 2 model calls; 2 are spent, and the next call may need 1. It was not sent."),
    ({"tokens": 40}, "is 40 tokens; 30 are spent, and the next call may need 20. It was not sent."),
    ({"usd": 0.45}, "is 0.45 US dollars; 0.3 are spent, and the next call may need 0.2. It was not sent."),
]


@pytest.mark.parametrize(("limit", "message"), LIMITS, ids=["calls", "tokens", "usd"])
async def test_call_that_would_overrun_is_not_sent(
    limit: dict[str, Any], message: str, scripted_model: ScriptedChatModel
) -> None:
    """Two calls fit, the third is refused before it is sent, with what is spent and the way out."""
    scripted_model.on(None, Reply.text("hi", usage=USED))
    model, _ = metered(scripted_model, **limit)
    await model.complete(small())
    await model.complete(small())
    with pytest.raises(BudgetExceeded) as caught:
        await model.complete(small())

    assert f"The budget of plan 'trip' {message} Raise `budget.{next(iter(limit))}` to at least" in str(caught.value)
    assert (scripted_model.count, caught.value.usage) == (2, Usage())


async def test_call_without_a_limit_is_assumed_to_answer_at_some_length(scripted_model: ScriptedChatModel) -> None:
    """A call that sets no limit of its own sets a usual answer aside."""
    model, _ = metered(scripted_model, tokens=ASSUMED_OUTPUT_TOKENS)
    with pytest.raises(BudgetExceeded, match=f"may need {ASSUMED_OUTPUT_TOKENS + 10}"):
        await model.complete(ask("x" * 40))

    assert scripted_model.count == 0


@pytest.mark.parametrize("limit", [{"calls": 1}, {"tokens": 30}], ids=["calls", "tokens"])
async def test_limits_hold_without_a_price(limit: dict[str, int], scripted_model: ScriptedChatModel) -> None:
    """An unknown price is unknown, and calls and tokens are limited all the same."""
    scripted_model.on(None, Reply.text("hi", usage=USED))
    model, ledger = metered(scripted_model, unpriced, **limit)
    response = await model.complete(small())
    with pytest.raises(BudgetExceeded):
        await model.complete(small())

    assert response.usage.cost_usd is None
    assert ledger.account.unpriced_calls == 1


async def test_rehearsal_is_free() -> None:
    """A cost that is known already is not replaced by a price."""
    ledger = Ledger(Budget(usd=1), scope="plan 'trip'")
    response = await MeteredModel(RehearsalModel(), ledger=ledger, price=per_token).complete(small())

    assert response.usage.cost_usd == 0
    assert ledger.account.spent.usd == 0


async def test_no_tokens_cost_nothing(scripted_model: ScriptedChatModel) -> None:
    """An answer that took no tokens was free, even where nobody knows the price."""
    scripted_model.on(None, Reply.text("hi", usage=ReportedUsage(input_tokens=0, output_tokens=0)))
    model, _ = metered(scripted_model, unpriced)

    assert (await model.complete(small())).usage.cost_usd == 0


@pytest.mark.parametrize("limit", [{"calls": 7}, {"tokens": 7 * 20}], ids=["calls", "tokens"])
@pytest.mark.parametrize("plan_too", [False, True], ids=["one ledger", "task and plan"])
async def test_parallel_calls_never_overrun(
    limit: dict[str, int], plan_too: bool, scripted_model: ScriptedChatModel
) -> None:
    """Of fifty calls at once no more are ever under way than the budget has room for."""
    scripted_model.answer_by_default(
        Reply.hold().model_copy(update={"usage": ReportedUsage(input_tokens=10, output_tokens=10)})
    )
    plan = Ledger(Budget(**limit), scope="plan 'trip'")
    ledger = Ledger(None, scope="task 'a'", parent=plan) if plan_too else plan
    model = MeteredModel(scripted_model, ledger=ledger, price=unpriced)
    calls = [asyncio.create_task(model.complete(small())) for _ in range(50)]
    await scripted_model.wait_for_requests_async(7)
    scripted_model.release()
    async with asyncio.timeout(10):
        results = await asyncio.gather(*calls, return_exceptions=True)

    assert (scripted_model.count, scripted_model.max_in_flight) == (7, 7)
    assert sum(isinstance(result, BudgetExceeded) for result in results) == 43
    assert plan.account.spent == Amount(calls=7, tokens=140)


async def test_waits_for_what_others_give_back(scripted_model: ScriptedChatModel) -> None:
    """Calls that fit once the others have taken less than they might are sent, one after the other."""
    usage = ReportedUsage(input_tokens=1, output_tokens=1)
    scripted_model.answer_by_default(Reply.hold().model_copy(update={"usage": usage}))
    model, ledger = metered(scripted_model, tokens=25)
    calls = [asyncio.create_task(model.complete(small())) for _ in range(3)]
    for sent in (1, 2, 3):
        await scripted_model.wait_for_requests_async(sent)
        scripted_model.release()
    async with asyncio.timeout(10):
        await asyncio.gather(*calls)

    assert scripted_model.max_in_flight == 1
    assert ledger.account.spent == Amount(calls=3, tokens=6, usd=Decimal("0.06"))


NAMES = OutputSchema(name="names", json_schema={"type": "array", "items": {"type": "string"}})


@pytest.mark.parametrize(("calls", "sent"), [(3, 3), (2, 2), (1, 1)])
async def test_each_request_for_a_call_has_to_fit(
    calls: int, sent: int, scripted_server: ScriptedServer, make_model: MakeModel
) -> None:
    """A call whose form is refused twice takes three requests; what the budget has no room for is not sent."""
    scripted_server.queue([Fault.schema_refused(), Fault.schema_refused(), Reply.json_value({"value": ["Ada"]})])
    ledger = Ledger(Budget(calls=calls), scope="plan 'trip'")
    model = MeteredModel(make_model(), ledger=ledger, price=per_token)
    (ended,) = await asyncio.gather(
        model.complete(small().model_copy(update={"output": NAMES})), return_exceptions=True
    )
    usage: Usage | None = getattr(ended, "usage", None)

    assert isinstance(ended, BudgetExceeded) == (calls < 3)
    assert (usage and usage.calls, ledger.account.spent.calls, scripted_server.count) == (sent, sent, sent)
    assert ledger.account.reserved == Amount()


async def test_requests_of_calls_at_once_never_overrun(scripted_server: ScriptedServer, make_model: MakeModel) -> None:
    """Whichever of them gets the last request that the budget allows."""
    scripted_server.answer_by_default(Fault.schema_refused())
    ledger = Ledger(Budget(calls=4), scope="plan 'trip'")
    models = [MeteredModel(make_model(), ledger=ledger, price=per_token) for _ in range(3)]
    asked = small().model_copy(update={"output": NAMES})
    await asyncio.gather(*(model.complete(asked) for model in models), return_exceptions=True)

    assert (scripted_server.count, ledger.account) == (4, Account(spent=Amount(calls=4)))


async def test_a_further_request_that_is_cancelled_counts(
    scripted_server: ScriptedServer, make_model: MakeModel
) -> None:
    """So does the one that was refused before it."""
    scripted_server.queue([Fault.schema_refused(), Reply.hold()])
    ledger, heard = Ledger(Budget(calls=4), scope="plan 'trip'"), list[Usage]()
    model = MeteredModel(make_model(), ledger=ledger, price=per_token)
    asked = small().model_copy(update={"output": NAMES})
    call = asyncio.create_task(complete_structured(model, asked, repairs=0, on_usage=heard.append))
    await scripted_server.wait_for_requests_async(2)
    call.cancel()
    await asyncio.wait([call])

    assert heard == [Usage(calls=2)]
    assert ledger.account == Account(spent=Amount(calls=2))


async def test_time_does_not_run_while_a_call_waits_for_others(scripted_model: ScriptedChatModel) -> None:
    """The wait for what others give back is one that is not work, and who is cancelled in it has used nothing."""
    scripted_model.answer_by_default(Reply.hold())
    ledger, heard, waits = Ledger(Budget(tokens=25), scope="plan 'trip'"), list[Usage](), asyncio.Queue[str]()

    @contextmanager
    def waiting(why: str) -> Generator[None]:
        waits.put_nowait("begins")
        yield
        waits.put_nowait("ends")

    model = MeteredModel(scripted_model, ledger=ledger, price=per_token, waiting=waiting)
    first = asyncio.create_task(model.complete(small()))
    began = [await waits.get(), await waits.get()]
    await scripted_model.wait_for_requests_async(1)
    second = asyncio.create_task(complete_structured(model, small(), repairs=0, on_usage=heard.append))
    began.append(await waits.get())
    second.cancel()
    scripted_model.release()
    await asyncio.wait([first, second])

    assert began == ["begins", "ends", "begins"]
    assert waits.empty()
    assert (heard, scripted_model.count) == ([Usage()], 1)


async def test_who_waits_can_be_cancelled(scripted_model: ScriptedChatModel) -> None:
    """A call that is cancelled while it waits sets nothing aside and sends nothing."""
    scripted_model.answer_by_default(Reply.hold())
    model, ledger = metered(scripted_model, tokens=25)
    first = asyncio.create_task(model.complete(small()))
    await scripted_model.wait_for_requests_async(1)
    second = asyncio.create_task(model.complete(small()))
    await asyncio.sleep(0)
    second.cancel()
    scripted_model.release()
    await asyncio.wait([first, second])

    assert (second.cancelled(), scripted_model.count) == (True, 1)
    assert ledger.account.reserved == Amount()


FAILURES = [
    ("a failure used a call", Fault.rate_limited(), RateLimited, Amount(calls=1)),
    (
        "a refusal was paid for",
        Fault.refusal().model_copy(update={"usage": USED}),
        Refused,
        Amount(1, 15, Decimal("0.15")),
    ),
]


@pytest.mark.parametrize(("answer", "error", "spent"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES])
async def test_failed_call(
    answer: Any, error: type[Exception], spent: Amount, scripted_model: ScriptedChatModel
) -> None:
    """A failed call gives back what it did not use, and its error has the price of what it did."""
    scripted_model.on(None, answer)
    model, ledger = metered(scripted_model, usd=1)
    with pytest.raises(error) as caught:
        await model.complete(small())

    assert (ledger.account.spent, ledger.account.reserved) == (spent, Amount())
    assert caught.value.usage.cost_usd == spent.usd  # type: ignore[attr-defined]


async def test_cancelled_call_counts(scripted_model: ScriptedChatModel) -> None:
    """A call that is cancelled under way was sent, and gives back what it set aside."""
    scripted_model.answer_by_default(Reply.hold())
    model, ledger = metered(scripted_model, calls=5)
    call = asyncio.create_task(model.complete(small()))
    await scripted_model.wait_for_requests_async(1)
    call.cancel()
    await asyncio.wait([call])

    assert (ledger.account.spent, ledger.account.reserved) == (Amount(calls=1), Amount())


async def test_task_and_plan_are_both_booked(scripted_model: ScriptedChatModel) -> None:
    """A task's calls are on its own account and on the plan's; the tighter limit holds and is named."""
    scripted_model.on(None, Reply.text("hi", usage=USED))
    plan = Ledger(Budget(calls=9), scope="plan 'trip'")
    tasks = [Ledger(Budget(calls=1), scope=f"task {name!r}", parent=plan) for name in "ab"]
    models = [MeteredModel(scripted_model, ledger=task, price=unpriced) for task in tasks]
    for model in models:
        await model.complete(small())
    with pytest.raises(BudgetExceeded, match="The budget of task 'b' is 1 model calls"):
        await models[1].complete(small())

    assert [ledger.account.spent.calls for ledger in (*tasks, plan)] == [1, 1, 2]


async def test_metered_directory(scripted_model: ScriptedChatModel) -> None:
    """Every model of a metered directory spends from its ledger, at the price of its own connection."""
    asked: list[tuple[str, str]] = []

    class Directory:
        def resolve(self, name: str | None) -> ResolvedModel:
            return ResolvedModel(chat=scripted_model, model=name or "m", connection=f"to-{name}")

    def price(connection: str, model: str, usage: Usage) -> Decimal | None:
        asked.append((connection, model))
        return Decimal(1)

    ledger = Ledger(None, scope="plan 'trip'")
    models = MeteredModels(Directory(), ledger=ledger, price=price)
    for name in ("a", "b"):
        found = models.resolve(name)
        await found.chat.complete(small(model=found.model))

    assert asked == [("to-a", "a"), ("to-b", "b")]
    assert ledger.account.spent.usd == 2


def test_ledger_of_several_threads() -> None:
    """Runs in threads of their own share a budget; who waits in one loop is woken from another."""
    ledger = Ledger(Budget(tokens=20), scope="plan 'trip'")

    async def spend() -> None:
        for _ in range(20):
            await ledger.reserve(Amount(calls=1, tokens=20))
            await asyncio.sleep(0)
            ledger.settle(Amount(calls=1, tokens=20), Usage(calls=1))

    run: Callable[[], None] = lambda: asyncio.run(asyncio.wait_for(spend(), 20))  # noqa: E731

    async def both() -> None:
        await asyncio.gather(*(asyncio.to_thread(run) for _ in range(3)))

    asyncio.run(both())

    assert ledger.account.spent == Amount(calls=60)


async def test_more_goes_to_the_budgets_that_had_no_room() -> None:
    """The task's is raised and has room again; the plan's, which had some, stays as it was."""
    plan = Ledger(Budget(calls=10), scope="plan")
    task = Ledger(Budget(calls=1), scope="task", parent=plan)
    await task.reserve(Amount(calls=1))
    task.settle(Amount(calls=1), Usage(calls=1))
    with pytest.raises(BudgetExceeded):
        await task.reserve(Amount(calls=1))
    task.allow(Budget(calls=2, tokens=5))
    await task.reserve(Amount(calls=2))
    with pytest.raises(BudgetExceeded):
        await task.reserve(Amount(calls=4))

    assert (task.budget, plan.budget) == (Budget(calls=3), Budget(calls=10))
