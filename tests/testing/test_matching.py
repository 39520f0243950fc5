"""Which rule answers which request, and how often."""

import re
from dataclasses import dataclass
from typing import Any

import pytest

from agentic_prefect.testing import Match, Reply, Rule, Script, ScriptedRequest
from agentic_prefect.testing.matching import RuleBook, matches

REQUEST = ScriptedRequest(
    number=1,
    api="chat",
    model="gpt-5-mini",
    prompt_text="Be brief.\nSearch for Lisbon",
    headers={"x-team": "blue"},
)


@dataclass(frozen=True)
class Case:
    """A condition and whether it holds for `REQUEST`."""

    id: str
    when: Any
    expected: bool


CASES = [
    Case("nothing asked", None, True),
    Case("text that is there", "Search", True),
    Case("text in another case", "search", False),
    Case("text over a line end", "brief.\nSearch", True),
    Case("characters of a pattern are plain in a text", "Search.*", False),
    Case("a pattern", re.compile(r"for [A-Z]\w+$"), True),
    Case("a dot matches line ends", re.compile("brief.*Lisbon"), True),
    Case("a pattern in another case", re.compile("LISBON"), False),
    Case("a pattern for any case", re.compile("LISBON", re.IGNORECASE), True),
    Case("a pattern with line starts", re.compile("^Search", re.MULTILINE), True),
    Case("the model", Match(model="gpt-5-mini"), True),
    Case("a part of the model", Match(model="gpt-5"), False),
    Case("a header", Match(headers={"X-Team": "blue"}), True),
    Case("a header of another value", Match(headers={"x-team": "red"}), False),
    Case("a header that is not there", Match(headers={"x-other": "blue"}), False),
    Case("the API", Match(api="chat"), True),
    Case("the other API", Match(api="responses"), False),
    Case("two conditions of which one fails", Match(text="Lisbon", model="gpt-5"), False),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_matches(case: Case) -> None:
    """All conditions that are set must hold."""
    assert matches(Rule(when=case.when).when, REQUEST) is case.expected


def said(*names: str) -> tuple[Reply, ...]:
    """Replies that say these names."""
    return tuple(Reply.text(name) for name in names)


def played(book: RuleBook, count: int) -> list[str]:
    """What the next `count` requests hear."""
    answers = [book.choose(REQUEST) for _ in range(count)]
    return [getattr(getattr(answer, "content", None), "text", "echo") for answer in answers]


@dataclass(frozen=True)
class Order:
    """A script and what consecutive equal requests hear."""

    id: str
    rules: tuple[Rule, ...]
    expected: list[str]


ORDERS = [
    Order(
        "rules that do not match are passed over",
        (Rule(when=Match(text="Oslo"), answers=said("a")), Rule(answers=said("b"))),
        ["b"],
    ),
    Order("an earlier rule hides a later one", (Rule(answers=said("a")), Rule(answers=said("b"))), ["a", "a"]),
    Order("answers come in turn and the last one stays", (Rule(answers=said("a", "b")),), ["a", "b", "b", "b"]),
    Order("a used rule makes way", (Rule(answers=said("a"), times=2), Rule(answers=said("b"))), ["a", "a", "b"]),
    Order("times counts across answers", (Rule(answers=said("a", "b", "c"), times=2),), ["a", "b", "echo"]),
    Order("skipped requests go to later rules", (Rule(answers=said("a"), skip=1), Rule(answers=said("b"))), ["b", "a"]),
    Order("skip and times", (Rule(answers=said("a"), skip=1, times=1),), ["echo", "a", "echo"]),
]


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.id)
def test_order(order: Order) -> None:
    """Rules are asked in order, and only those that have answers left."""
    book = RuleBook(Script(rules=order.rules))

    assert played(book, len(order.expected)) == order.expected


def test_a_request_that_does_not_match_uses_nothing_up() -> None:
    """Only matching requests count towards `times` and `skip`."""
    book = RuleBook(Script(rules=(Rule(when=Match(text="Oslo"), answers=said("a"), times=1),)))
    played(book, 3)

    oslo = ScriptedRequest(number=4, api="chat", model="m", prompt_text="Oslo")
    assert book.choose(oslo) == Reply.text("a")


def test_the_queue_goes_first() -> None:
    """Queued answers come before all rules, one for each request."""
    book = RuleBook(Script(rules=(Rule(answers=said("rule")),)))
    book.queue(list(said("first", "second")))

    assert played(book, 3) == ["first", "second", "rule"]


def test_reset_brings_the_script_back() -> None:
    """After a reset the script's own rules start anew, and what was added is gone."""
    book = RuleBook(Script(rules=(Rule(answers=said("a", "b")),), default=Reply.text("default")))
    book.add(Rule(answers=said("added")))
    book.answer_by_default(Reply.text("other"))
    played(book, 2)
    book.queue(list(said("queued")))

    book.reset()

    assert played(book, 2) == ["a", "b"]
    assert book.choose(REQUEST) == Reply.text("b")
