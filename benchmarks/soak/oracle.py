"""How each plan has to end, and how often each task has to be asked.

Worked out from the answers, by a second reading of the rules that shares nothing with the package.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.soak.workload import REPAIRS, RETRIES, Provider, Size, fallback_of


@dataclass(slots=True)
class Past:
    """What of a task is known to those that come after a process that was killed."""

    asked: int = 0
    """How many answers it was given."""
    is_done: bool = False
    """Whether one of them was its result: it is taken over."""
    has_wrong_form: bool = False
    """Whether an answer is kept that the attempt under way was sending back."""


@dataclass(slots=True)
class Expected:
    """How a plan has to end."""

    statuses: dict[str, str] = field(default_factory=dict[str, str])
    """Of the tasks that run or are skipped; fallbacks that nobody needs are left out."""
    asked: dict[str, int] = field(default_factory=dict[str, int])
    """How many answers each task was given in the end."""
    status: str = "completed"


def expected(plan: str, size: Size, provider: Provider, past: Mapping[str, Past] | None = None) -> Expected:
    """How a plan ends, after what a killed process had come to."""
    end, known = Expected(), dict(past or {})

    def run(task_id: str) -> bool:
        before = known.get(task_id, Past())
        done, end.asked[task_id] = _run(f"{plan}.{task_id}", provider, before)
        end.statuses[task_id] = "completed" if done else "failed"
        return done

    usable: dict[str, bool] = {"first": run("first")}
    if not usable["first"]:
        end.status = "partial_failure"
    before = ["first"]
    for names in size.names():
        for place, task_id in enumerate(names):
            needs = {before[place % len(before)], before[(place + 1) % len(before)]}
            if not all(usable[each] for each in needs):
                end.statuses[task_id], usable[task_id] = "skipped", False
                continue
            usable[task_id] = run(task_id)
            if not usable[task_id] and place % 5 == 1:
                usable[task_id] = run(fallback_of(task_id))
            elif not usable[task_id] and place % 5 == 0:
                usable[task_id] = True  # what needs it runs with a null
                continue
            if not usable[task_id]:
                end.status = "partial_failure"
        before = names
    if not run("last"):
        end.status = "partial_failure"
    if not any(status == "completed" for status in end.statuses.values()):
        end.status = "failed"
    return end


def past_of(plan: str, task_id: str, provider: Provider, asked: int) -> Past:
    """What a process that was killed after so many answers to a task has left of it."""
    state = Past(asked)
    tries, repairs = RETRIES, REPAIRS
    for number in range(asked):
        match provider.answer_to(f"{plan}.{task_id}", number):
            case "good":
                return Past(asked, is_done=True)
            case "wrong_form" if repairs:
                repairs, state.has_wrong_form = repairs - 1, True
            case "wrong_form" | "refusal":
                # It had failed, and whoever comes after begins anew.
                tries, repairs, state.has_wrong_form = RETRIES, REPAIRS, False
            case _ if tries:
                tries, repairs = tries - 1, REPAIRS - state.has_wrong_form
            case _:
                tries, repairs = RETRIES, REPAIRS - state.has_wrong_form
    return state


def _run(mark: str, provider: Provider, past: Past) -> tuple[bool, int]:
    """Whether a task succeeds, and how many answers it was given in all."""
    asked, kept = past.asked, past.has_wrong_form
    if past.is_done:
        return True, asked
    for _ in range(RETRIES + 1):
        repairs = REPAIRS - kept
        while True:
            answer = provider.answer_to(mark, asked)
            asked += 1
            match answer:
                case "good":
                    return True, asked
                case "wrong_form" if repairs:
                    repairs, kept = repairs - 1, True
                case "wrong_form" | "refusal":
                    return False, asked
                case _:
                    break
    return False, asked
