"""The arithmetic of budgets."""

from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentic_prefect.models.budget import Budget
from agentic_prefect.models.usage import Usage
from agentic_prefect.policies.budget import Account, Amount, Overrun, estimate_tokens, raised, release, reserve, settle


@pytest.mark.parametrize(("text", "expected"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("x" * 4000, 1000)])
def test_estimate_tokens(text: str, expected: int) -> None:
    """A token is four characters, a started one counts."""
    assert estimate_tokens(text) == expected


@dataclass(frozen=True)
class Case:
    """A budget, what is gone and promised, what is asked, and what does not fit."""

    id: str
    budget: Budget
    spent: Amount
    reserved: Amount
    asked: Amount
    expected: str | None
    is_final: bool | None = None


CASES = [
    Case("no limits", Budget(), Amount(9, 9, Decimal(9)), Amount(), Amount(1, 1, Decimal(1)), None),
    Case("up to the limit", Budget(calls=2), Amount(calls=1), Amount(), Amount(calls=1), None),
    Case("one call too many", Budget(calls=2), Amount(calls=2), Amount(), Amount(calls=1), "calls", True),
    Case("one too many under way", Budget(calls=2), Amount(calls=1), Amount(calls=1), Amount(calls=1), "calls", False),
    Case("tokens", Budget(tokens=100), Amount(tokens=60), Amount(), Amount(tokens=41), "tokens", True),
    Case("tokens under way", Budget(tokens=100), Amount(), Amount(tokens=60), Amount(tokens=41), "tokens", False),
    Case("too large on its own", Budget(tokens=100), Amount(), Amount(tokens=60), Amount(tokens=101), "tokens", True),
    Case("money", Budget(usd=0.3), Amount(usd=Decimal("0.2")), Amount(), Amount(usd=Decimal("0.1001")), "usd", True),
    Case("money to the cent", Budget(usd=0.3), Amount(usd=Decimal("0.2")), Amount(), Amount(usd=Decimal("0.1")), None),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_reserve(case: Case) -> None:
    """What would overrun any limit is not set aside, and it is said whether waiting could help."""
    after = reserve(case.budget, Account(case.spent, case.reserved), case.asked)
    overrun = (after.what, after.is_final) if isinstance(after, Overrun) else (None, None)

    assert overrun == (case.expected, case.is_final)


def test_raised() -> None:
    """Each limit grows by what is given for it, to the cent; one that is not there stays without."""
    assert raised(Budget(usd=0.1, calls=2), Budget(usd=0.2, calls=3, tokens=5)) == Budget(usd=0.3, calls=5)


def test_settle() -> None:
    """What was promised is given back, what was used is gone."""
    account = Account(reserved=Amount(1, 100, Decimal("0.1")))
    usage = Usage(input_tokens=20, output_tokens=5, calls=2, cost_usd=Decimal("0.02"))

    assert settle(account, Amount(1, 100, Decimal("0.1")), usage) == Account(Amount(2, 25, Decimal("0.02")), Amount())


def test_unknown_price_is_not_free() -> None:
    """A call of unknown price is counted as such."""
    account = settle(Account(reserved=Amount(1, 9)), Amount(1, 9), Usage(input_tokens=9, calls=1, cost_usd=None))

    assert (account.spent, account.unpriced_calls) == (Amount(1, 9), 1)


amounts = st.builds(
    Amount,
    calls=st.integers(0, 5),
    tokens=st.integers(0, 500),
    usd=st.decimals(0, 5, places=3, allow_nan=False, allow_infinity=False),
)


@given(budget=st.builds(Budget, calls=st.integers(1, 9), tokens=st.integers(1, 999)), wishes=st.lists(amounts))
def test_reservations_never_exceed_the_budget(budget: Budget, wishes: list[Amount]) -> None:
    """In any order of wishes, what is set aside stays within every limit, and giving all back leaves nothing."""
    account, granted = Account(), []
    for wish in wishes:
        after = reserve(budget, account, wish)
        if isinstance(after, Account):
            account = after
            granted.append(wish)
        assert account.reserved.calls <= (budget.calls or 0)
        assert account.reserved.tokens <= (budget.tokens or 0)
    for wish in granted:
        account = release(account, wish)

    assert account == Account()
