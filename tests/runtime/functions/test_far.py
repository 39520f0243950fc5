"""Errors on their way back from another process."""

import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

from agentic_prefect.errors import AgenticError, CriticalError, ErrorCode, RateLimited
from agentic_prefect.models.error import TaskError, frames_of
from agentic_prefect.runtime.functions.far import FunctionRaised, Parcel
from tests.runtime.functions import work


class Stubborn(Exception):
    """Cannot be pickled, and says that trying again helps."""

    retryable = True

    def __reduce__(self) -> str:
        raise RuntimeError("never")


class Unreadable(Exception):
    """Is pickled, and cannot be read again."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _refuse, ()


def _refuse() -> None:
    raise RuntimeError("never")


def sent(error: Exception) -> Exception:
    """An error that was raised, as it arrives in another process."""
    try:
        raise error
    except type(error) as raised:
        parcel = Parcel.of(raised, "team.work:clean")
    return pickle.loads(pickle.dumps(parcel)).opened()


def test_an_error_comes_back_as_it_was() -> None:
    """Class, attributes, cause and the place where it was raised."""
    error = RateLimited("too many", 1.5)
    error.__cause__ = CriticalError("the cause")
    found = sent(error)

    assert isinstance(found, RateLimited)
    assert (found.message, found.retry_after_s, str(found.__cause__)) == ("too many", 1.5, "the cause")
    assert frames_of(found)[-1].endswith(" in sent")


@pytest.mark.parametrize("error", [Stubborn("no"), Unreadable("no")], ids=["packing", "unpacking"])
def test_an_error_that_cannot_travel_is_told(error: Exception) -> None:
    """One of its class's name comes in its place, so that policies for it hold, with its own verdict."""
    found = sent(error)
    data = TaskError.from_exception(found, now=datetime(2026, 1, 31, tzinfo=UTC))

    assert isinstance(found, FunctionRaised)
    assert isinstance(found, AgenticError)
    assert str(found) == f"The function 'team.work:clean' raised {type(error).__name__}: no"
    assert (data.type, data.code) == (type(error).__name__, ErrorCode.UNEXPECTED)
    assert data.retryable is getattr(error, "retryable", None)
    assert data.context.frames[-1].endswith(" in sent")


def test_a_cause_that_cannot_travel_stays_behind() -> None:
    """The error itself comes all the same."""
    error = ValueError("bad")
    error.__cause__ = Stubborn("no")
    found = sent(error)

    assert isinstance(found, ValueError)
    assert (str(found), found.__cause__) == ("bad", None)


def test_a_parcel_says_nothing_of_what_is_in_it() -> None:
    """Prefect writes it to logs, where the secrets of the run are not known."""
    parcel = Parcel.of(ValueError(work.KEY), "team.work:clean")

    assert (repr(parcel), str(parcel)) == ("Parcel(ValueError)", "Parcel(ValueError)")
