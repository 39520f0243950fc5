"""What follows a failure."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentic_prefect.errors import ErrorCode
from agentic_prefect.models.error import TaskError
from agentic_prefect.models.task import TaskFields
from agentic_prefect.policies.backoff import backoff_s
from agentic_prefect.policies.failure import (
    Decision,
    GiveUp,
    TryAgain,
    action_after,
    allowed_retries,
    decide,
    final_error,
    model_for,
    most_retries,
    timeout_for,
)
from agentic_prefect.testing.builders import error_of

ON = ["rate_limit", "timeout", "connection", "server", "overloaded"]
BASE: dict[str, Any] = {
    "retries": 3,
    "retry": {"backoff": "exponential", "base_s": 1, "max_s": 60, "jitter_ratio": 0, "on": ON},
}


def fields(**changes: Any) -> TaskFields:
    """A task's effective fields."""
    return TaskFields.model_validate(BASE | changes)


def errors(*codes: str) -> tuple[TaskError, ...]:
    """One error of each code."""
    return tuple(error_of(code) for code in codes)


@dataclass(frozen=True)
class Case:
    id: str
    task: TaskFields
    error: TaskError
    history: tuple[TaskError, ...]
    expected: Decision


CASES = [
    Case("the first retry waits the base", fields(), error_of("server"), (), TryAgain(1.0)),
    Case("the second waits twice", fields(), error_of("server"), errors("server"), TryAgain(2.0)),
    Case("the third four times", fields(), error_of("server"), errors("server", "server"), TryAgain(4.0)),
    Case("then it is over", fields(), error_of("server"), errors("server", "server", "server"), GiveUp(exhausted=True)),
    Case("zero retries run once", fields(retries=0), error_of("server"), (), GiveUp(exhausted=False)),
    Case("an error off the list fails at once", fields(), error_of("unexpected"), (), GiveUp(exhausted=False)),
    Case("its own yes outranks the list", fields(), error_of("unexpected", retryable=True), (), TryAgain(1.0)),  # U-09
    Case("its own no outranks the list", fields(), error_of("server", retryable=False), (), GiveUp(exhausted=False)),
    Case(
        "a rule outranks its own no",
        fields(failure_policy={"authentication": {"retry": 1}}),
        error_of("authentication", retryable=False),
        (),
        TryAgain(1.0),
    ),
    Case("Retry-After is a floor", fields(), error_of("rate_limit", retry_after_s=7.5), (), TryAgain(7.5)),
    Case(
        "a rule has its own count",
        fields(failure_policy={"rate_limit": {"retry": 6}}),
        error_of("rate_limit"),
        errors(*["rate_limit"] * 5),
        TryAgain(32.0),
    ),
    Case(
        "which other errors do not use up",
        fields(failure_policy={"rate_limit": {"retry": 1}}),
        error_of("rate_limit"),
        errors("server", "server"),
        TryAgain(1.0),
    ),
    Case(
        "and which does not use up theirs",
        fields(retries=1, failure_policy={"rate_limit": {"retry": 5}}),
        error_of("server"),
        errors("rate_limit", "rate_limit"),
        TryAgain(1.0),
    ),
    Case(
        "the default rule serves the others",
        fields(failure_policy={"default": {"base_s": 5}}),
        error_of("server"),
        (),
        TryAgain(5.0),
    ),
    Case(
        "and says what a rule leaves out",
        fields(failure_policy={"server": {"retry": 1}, "default": {"base_s": 5, "retry": 9}}),
        error_of("server"),
        (),
        TryAgain(5.0),
    ),
    Case(
        "linear",
        fields(failure_policy={"server": {"backoff": "linear"}}),
        error_of("server"),
        errors("server", "server"),
        TryAgain(3.0),
    ),
    Case(
        "constant",
        fields(failure_policy={"server": {"backoff": "constant"}}),
        error_of("server"),
        errors("server", "server"),
        TryAgain(1.0),
    ),
    Case(
        "none",
        fields(failure_policy={"server": {"backoff": "none"}}),
        error_of("server"),
        errors("server"),
        TryAgain(0.0),
    ),
    Case(
        "a rule for the type goes before that for its code",
        fields(failure_policy={"TestError": {"retry": 1}, "server": {"retry": 0}}),
        error_of("server"),
        (),
        TryAgain(1.0),
    ),
    Case(
        "a type's own count is its own",
        fields(failure_policy={"TestError": {"retry": 1}}),
        error_of("unexpected"),
        errors("server"),
        GiveUp(exhausted=True),
    ),
    Case(
        "two rate limits are enough",
        fields(failure_policy={"rate_limit": {"max_attempts": 2, "fallback": ["f"]}}),
        error_of("rate_limit"),
        errors("rate_limit"),
        GiveUp(exhausted=True),
    ),
    Case(
        "so is one on the second attempt",
        fields(failure_policy={"rate_limit": {"max_attempts": 2, "fallback": ["f"]}}),
        error_of("rate_limit"),
        errors("server"),
        GiveUp(exhausted=True),
    ),
    Case(
        "and none on the first",
        fields(failure_policy={"rate_limit": {"max_attempts": 2, "fallback": ["f"]}}),
        error_of("rate_limit"),
        (),
        TryAgain(1.0),
    ),
    Case(
        "another model is asked at once",
        fields(failure_policy={"rate_limit": {"model": "b"}}),
        error_of("rate_limit", retry_after_s=9),
        (),
        TryAgain(0.0, model="b"),
    ),
    Case(
        "and waited for like the first",
        fields(failure_policy={"rate_limit": {"model": "b"}}),
        error_of("rate_limit"),
        errors("rate_limit"),
        TryAgain(2.0),
    ),
    Case(
        "a model makes a lost cause worth an attempt",
        fields(failure_policy={"context_length": {"model": "long"}}),
        error_of("context_length", retryable=False),
        (),
        TryAgain(0.0, model="long"),
    ),
    Case(
        "each model in its turn",
        fields(failure_policy={"refusal": {"model": ["b", "c"]}}),
        error_of("refusal", retryable=False),
        errors("refusal"),
        TryAgain(0.0, model="c"),
    ),
    Case(
        "then it is over with the last",
        fields(failure_policy={"refusal": {"model": ["b", "c"]}}),
        error_of("refusal", retryable=False),
        errors("refusal", "refusal"),
        GiveUp(exhausted=True),
    ),
    Case(
        "a model in the default rule helps against what the model may be to blame for",
        fields(failure_policy={"default": {"model": "b"}}),
        error_of("authentication", retryable=False),
        (),
        TryAgain(0.0, model="b"),
    ),
    Case(
        "and against nothing else",
        fields(failure_policy={"default": {"model": "b"}}),
        error_of("human_rejected", retryable=False),
        (),
        GiveUp(exhausted=False),
    ),
    Case(
        "capped",
        fields(failure_policy={"server": {"retry": 20, "max_s": 10}}),
        error_of("server"),
        errors(*["server"] * 9),
        TryAgain(10.0),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_decide(case: Case) -> None:
    """Policy, error and history alone decide what follows an attempt."""
    # F-20 F-25 F-26 F-41 L-14 L-15 U-09 A-22
    assert decide(case.task, error=case.error, history=case.history, draw=0.5) == case.expected


@pytest.mark.parametrize(("draw", "expected"), [(0.0, 7.5), (0.5, 10.0), (0.999999, 12.5)])
def test_jitter_varies_both_ways(draw: float, expected: float) -> None:
    """A quarter of jitter spreads 10 s over 7.5 to 12.5 s."""  # L-14
    wait_s = backoff_s(1, kind="constant", base_s=10, max_s=60, jitter_ratio=0.25, draw=draw)

    assert wait_s == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("draw", [0.0, 0.5, 0.99])
def test_jitter_never_undercuts_retry_after(draw: float) -> None:
    """The provider's wait is a floor, whatever jitter and cap say."""  # L-15
    wait_s = backoff_s(1, kind="constant", base_s=1, max_s=2, jitter_ratio=1, draw=draw, retry_after_s=30)

    assert wait_s == 30


def test_retries_are_counted_from_one() -> None:
    """Retry number 0 is refused."""
    with pytest.raises(ValueError, match="retry=0 must be 1 or more"):
        backoff_s(0, kind="constant", base_s=1, max_s=2, jitter_ratio=0, draw=0)


def test_each_timeout_lengthens_the_next_attempt() -> None:
    """With a factor of 3, one second becomes three after a timeout; other errors change nothing."""  # F-21
    task = fields(timeout_s=1, failure_policy={"timeout": {"retry": 2, "timeout_factor": 3}})

    assert [
        timeout_for(task, errors(*codes)) for codes in ((), ("timeout",), ("timeout", "server"), ("timeout",) * 2)
    ] == [1, 3, 3, 9]


def test_exhaustion_keeps_every_attempt() -> None:
    """The final error has a type of its own, every attempt, and the last one as its cause."""  # F-27 F-50
    history, last = errors("server", "timeout"), error_of("rate_limit", "slow down")
    final = final_error(last, history=history, exhausted=True)

    assert (final.code, final.type) == (ErrorCode.MAX_RETRIES_EXCEEDED, "MaxRetriesExceededError")
    assert final.message == "All 3 attempts failed. The last one: rate_limit: slow down"
    assert [each.code for each in final.history] == ["server", "timeout", "rate_limit"]
    assert final.cause == last


def test_attempts_before_another_try_are_kept_and_not_counted() -> None:
    """A person's wish for another try does not wipe out what went wrong before it."""  # F-50
    final = final_error(error_of("server"), history=errors("timeout"), exhausted=True, before=errors("refusal"))

    assert final.message.startswith("All 2 attempts failed.")
    assert [each.code for each in final.history] == ["refusal", "timeout", "server"]


def test_an_error_without_retries_keeps_its_name() -> None:
    """A failure that gets no second attempt is not called exhausted."""
    final = final_error(error_of("refusal"), history=(), exhausted=False)

    assert final.code is ErrorCode.REFUSAL
    assert len(final.history) == 1


MODELS = [
    ("before anything went wrong", {"rate_limit": {"model": "b"}}, (), "a"),
    ("after one", {"rate_limit": {"model": "b"}}, ("rate_limit",), "b"),
    ("the last one stays", {"rate_limit": {"model": "b"}}, ("rate_limit", "rate_limit"), "b"),
    ("not before two", {"rate_limit": {"model": "b", "model_after": 2}}, ("rate_limit", "server"), "a"),
    ("after two, whatever came between", {"rate_limit": {"model": "b", "model_after": 2}},
     ("rate_limit", "server", "rate_limit"), "b"),
    ("two for each", {"server": {"model": ["b", "c"], "model_after": 2}}, ("server",) * 3, "b"),
    ("then the next", {"server": {"model": ["b", "c"], "model_after": 2}}, ("server",) * 4, "c"),
    ("the latest error decides", {"server": {"model": "b"}, "refusal": {"model": "c"}}, ("refusal", "server"), "b"),
    ("an error without a rule changes nothing", {"server": {"model": "b"}}, ("server", "timeout"), "b"),
    ("errors of the default rule are counted together", {"default": {"model": "b", "model_after": 2}},
     ("server", "timeout"), "b"),
]  # fmt: skip


@pytest.mark.parametrize(("policy", "codes", "expected"), [case[1:] for case in MODELS], ids=[m[0] for m in MODELS])
def test_the_model_of_the_next_attempt(policy: dict[str, Any], codes: tuple[str, ...], expected: str) -> None:
    """What went wrong so far says which model is asked next."""
    assert model_for(fields(model="a", failure_policy=policy), errors(*codes)) == expected


ACTIONS = [
    ("the rule of the code", {"failure_policy": {"refusal": "abort"}}, error_of("refusal"), "abort"),
    ("the default rule", {"failure_policy": {"default": "continue"}}, error_of("refusal"), "continue"),
    ("on_failure", {"on_failure": "continue"}, error_of("refusal"), "continue"),
    ("nothing set", {}, error_of("refusal"), "skip_dependents"),
    (
        "the cause of exhaustion",
        {"failure_policy": {"server": {"retry": 1, "then": "continue"}}},
        final_error(error_of("server"), history=(), exhausted=True),
        "continue",
    ),
    (
        "the rule of the cause's type",
        {"failure_policy": {"TestError": {"retry": 1, "then": "continue"}, "server": "abort"}},
        final_error(error_of("server"), history=(), exhausted=True),
        "continue",
    ),
    (
        "exhaustion's own rule first",
        {"failure_policy": {"server": "continue", "max_retries_exceeded": "abort"}},
        final_error(error_of("server"), history=(), exhausted=True),
        "abort",
    ),
    ("critical always aborts", {"on_failure": "continue"}, error_of("critical"), "abort"),
]


@pytest.mark.parametrize(
    ("changes", "error", "kind"), [case[1:] for case in ACTIONS], ids=[case[0] for case in ACTIONS]
)
def test_action_after(changes: dict[str, Any], error: TaskError, kind: str) -> None:
    """The nearest rule says what follows a final failure."""  # F-20 F-23
    assert action_after(fields(**changes), error).kind == kind


def test_the_bound_covers_every_rule() -> None:
    """No mix of errors can get more retries than the bound that Prefect is given."""
    task = fields(retries=2, failure_policy={"rate_limit": {"retry": 6}, "timeout": {"retry": 1}})

    assert most_retries(task) == 9
    assert most_retries(fields(retries=2, failure_policy={"refusal": {"model": ["b", "c"], "model_after": 3}})) == 8
    assert allowed_retries(task, error_of("rate_limit")) + allowed_retries(task, error_of("timeout")) == 7


RULE = st.fixed_dictionaries(
    {},
    optional={
        "retry": st.integers(0, 4),
        "max_attempts": st.integers(1, 6),
        "model": st.sampled_from([["b"], ["b", "c"]]),
        "model_after": st.integers(1, 2),
    },
)
KEYS = ["rate_limit", "server", "refusal", "invalid_output", "TestError"]


@given(
    retries=st.integers(0, 3),
    policy=st.dictionaries(st.sampled_from([*KEYS, "default"]), RULE, max_size=4),
    codes=st.lists(st.sampled_from(KEYS[:-1]), min_size=60, max_size=60),
)
def test_no_mix_of_errors_gets_more_attempts_than_the_bound(
    retries: int, policy: dict[str, Any], codes: list[str]
) -> None:
    """Whatever goes wrong in whatever order, it comes to an end in time, and each wait or model follows from a rule."""
    task, history = fields(retries=retries, model="a", failure_policy=policy), ()
    for error in errors(*codes):
        decision = decide(task, error=error, history=history, draw=0.5)
        if isinstance(decision, GiveUp):
            break
        history = (*history, error)
        assert (decision.delay_s == 0) or decision.model is None
        assert decision.model in (None, model_for(task, history))

    assert len(history) <= most_retries(task)
