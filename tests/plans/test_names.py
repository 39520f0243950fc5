"""Near names and short lists of names."""

import time

import pytest

from agentic_prefect.plans.names import did_you_mean, listing, nearest, telling_chars


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("serch", ["write", "search"], "search"),
        ("Search", ["search"], "search"),
        ("depends-on", ["depends_on"], "depends_on"),
        ("zzz", ["search"], None),
        ("search", ["search"], None),
        ("x", [], None),
    ],
)
def test_nearest(name: str, known: list[str], expected: str | None) -> None:
    """The name that was meant is found across slips of the pen, case and dashes; a far one is not offered."""
    assert nearest(name, known) == expected
    assert did_you_mean(name, known) == (f"Did you mean {expected!r}?" if expected else "")


def test_many_names_do_not_cost_much() -> None:
    """Among thousands of names a near one is still found in no time."""
    known = [f"task_{place}" for place in range(10_000)]
    started = time.process_time()
    found = [nearest(f"task_{place}x", known) for place in range(100)]

    assert all(found)
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([], 8),
        (["01a22266-8c3d-7b12"], 8),
        (["01a22266-8c3d-7b12", "01a22266-8c3d-7b12"], 8),
        (["3f2a91c0-0000", "4f2a91c0-0000"], 8),
        (["01a22266-8c3d-7b12", "11a22266-8c3d-7b12", "01a22266-8c3d-7c12"], 16),
    ],
)
def test_as_much_of_an_id_as_tells_it_from_the_others(ids: list[str], expected: int) -> None:
    """Never fewer than 8 characters; none of those listed begins as another."""
    assert telling_chars(ids) == expected


def test_listing() -> None:
    """A long list is cut and counted, and nothing is `none`."""
    assert listing(["a", "b"]) == "a, b"
    assert listing("abcd", most=2) == "a, b, … (2 more)"
    assert listing([]) == "none"
