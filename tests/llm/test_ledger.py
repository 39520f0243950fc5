"""The account of a plan or a task."""

from decimal import Decimal

from agentic_prefect.llm.ledger import Ledger
from agentic_prefect.models.budget import Budget
from agentic_prefect.models.usage import Usage


def test_what_was_spent_elsewhere_uses_a_budget_up() -> None:
    """It counts in the budgets of task and plan, also beyond their limits; the first that is used up is named."""
    plan = Ledger(Budget(usd=0.5), scope="plan 'trip'")
    task = Ledger(Budget(tokens=100), scope="task 'city'", parent=plan)
    seen = [task.used_up()]
    task.book(Usage(input_tokens=60, calls=1, cost_usd=Decimal("0.3")))
    seen.append(task.used_up())
    task.book(Usage(input_tokens=10, calls=1, cost_usd=Decimal("0.25")))
    seen.append(task.used_up())
    task.book(Usage(input_tokens=30, calls=1))
    seen.append(task.used_up())

    assert seen == [
        "",
        "",
        "The budget of plan 'trip' is 0.5 US dollars, and 0.55 are spent.",
        "The budget of task 'city' is 100 tokens, and 100 are spent.",
    ]
