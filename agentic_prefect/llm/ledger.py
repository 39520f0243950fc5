"""The account of a plan or a task, shared by everything that spends from it."""

import asyncio
import threading
from decimal import Decimal

from agentic_prefect.errors import BudgetExceeded
from agentic_prefect.models.budget import Budget
from agentic_prefect.models.usage import Usage
from agentic_prefect.policies.budget import Account, Amount, Limit, Overrun, raised, release, reserve, settle

_Waiter = tuple[asyncio.AbstractEventLoop, "asyncio.Future[None]"]


class Ledger:
    """Sets aside what a call may need before it is sent, and books what it took. May be used from every thread.

    A call that does not fit only because of what others under way have set aside waits for them, since most calls take
    less than they may: so nothing is overrun, and nothing is refused that would have fitted.

    Args:
        budget: `None` only counts.
        scope: Whose budget it is, for messages: "plan 'trip'".
        parent: Also has to have room; the plan's ledger for a task, the outer plan's for a sub-plan.
    """

    def __init__(self, budget: Budget | None, *, scope: str, parent: "Ledger | None" = None) -> None:
        self._budget, self._scope, self._parent = budget or Budget(), scope, parent
        self._lock = parent._lock if parent else threading.Lock()
        self._waiters: list[_Waiter] = parent._waiters if parent else []
        self._account = Account()
        self._refused: Amount | None = None
        """The call that was refused last."""

    @property
    def account(self) -> Account:
        """What is spent and set aside at this moment."""
        return self._account

    @property
    def budget(self) -> Budget:
        """The limits that hold at this moment."""
        return self._budget

    @property
    def limits_usd(self) -> bool:
        """Whether a price matters before a call is sent."""
        return self._budget.usd is not None or (self._parent is not None and self._parent.limits_usd)

    async def reserve(self, estimate: Amount) -> None:
        """Set `estimate` aside, waiting for calls under way if that can help.

        Raises:
            BudgetExceeded: It does not fit; nothing is set aside.
        """
        while True:
            with self._lock:
                overrun = self._try(estimate)
                if overrun is None:
                    return
                turn = self._enlist()
            scope, what = overrun
            if what.is_final:
                self._refused = estimate
                raise _exceeded(what, scope)
            await turn

    def settle(self, estimate: Amount, usage: Usage) -> None:
        """Give `estimate` back and book what the call took."""
        with self._lock:
            for ledger in self._chain():
                ledger._account = settle(ledger._account, estimate, usage)
            self._wake()

    def release(self, estimate: Amount) -> None:
        """Give `estimate` back: the call was not sent."""
        with self._lock:
            for ledger in self._chain():
                ledger._account = release(ledger._account, estimate)
            self._wake()

    def book(self, usage: Usage) -> None:
        """Book what was spent elsewhere, where no ledger could refuse it."""
        self.settle(Amount(), usage)

    def used_up(self) -> str:
        """Which budget has nothing left, and how much was spent; empty while there is something left in all."""
        with self._lock:
            for ledger in self._chain():
                for what, unit in _UNITS.items():
                    limit, spent = getattr(ledger._budget, what), getattr(ledger._account.spent, what)
                    if limit is not None and spent >= Decimal(str(limit)):
                        told = f"{_number(Decimal(str(limit)))} {unit}, and {_number(Decimal(spent))} are spent"
                        return f"The budget of {ledger._scope} is {told}."
        return ""

    def allow(self, more: Budget) -> None:
        """Let so much more be spent, in every budget that had no room for the call that was refused last."""
        with self._lock:
            estimate = self._refused
            for ledger in self._chain():
                if estimate is None or isinstance(reserve(ledger._budget, ledger._account, estimate), Overrun):
                    ledger._budget = raised(ledger._budget, more)
            self._wake()

    def _try(self, estimate: Amount) -> tuple[str, Overrun] | None:
        """Set `estimate` aside everywhere or nowhere."""
        after = [(ledger, reserve(ledger._budget, ledger._account, estimate)) for ledger in self._chain()]
        problems = [(ledger._scope, account) for ledger, account in after if isinstance(account, Overrun)]
        if problems:
            return next((problem for problem in problems if problem[1].is_final), problems[0])
        for ledger, account in after:
            assert isinstance(account, Account)
            ledger._account = account
        return None

    def _chain(self) -> "list[Ledger]":
        return [self, *(self._parent._chain() if self._parent else [])]

    def _enlist(self) -> "asyncio.Future[None]":
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._waiters.append((loop, future))
        return future

    def _wake(self) -> None:
        for loop, future in self._waiters:
            if not loop.is_closed():
                loop.call_soon_threadsafe(_finish, future)
        self._waiters.clear()


def _finish(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


_UNITS: dict[Limit, str] = {"calls": "model calls", "tokens": "tokens", "usd": "US dollars"}


def _exceeded(overrun: Overrun, scope: str) -> BudgetExceeded:
    what, unit = overrun.what, _UNITS[overrun.what]
    advice = {
        "calls": "fewer retries and repairs",
        "tokens": "a shorter input or a lower `max_output_tokens`",
        "usd": "a cheaper model or a lower `max_output_tokens`",
    }[what]
    error = BudgetExceeded(
        f"The budget of {scope} is {_number(overrun.limit)} {unit}; {_number(overrun.spent)} are spent, and the next "
        f"call may need {_number(overrun.asked)}. It was not sent. Raise `budget.{what}` to at least "
        f"{_number(overrun.spent + overrun.asked)}, or spend less: {advice}."
    )
    error.usage = Usage()
    return error


def _number(value: Decimal) -> str:
    """Whole numbers plainly, money with as many digits as it takes to see it."""
    if value == value.to_integral_value():
        return f"{value:.0f}"
    return f"{value:.6f}".rstrip("0")
