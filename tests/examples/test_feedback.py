"""The demo's counting and its words of last resort."""

from dataclasses import dataclass

import pytest

from agentic_prefect.examples.feedback import plain_note, tally

NEGATIVE, POSITIVE = {"sentiment": "negative"}, {"sentiment": "positive"}


def test_tally_counts_and_keeps_the_order() -> None:
    """Every comment is one row in its place, and stands for itself where it has no summary or label."""
    found = tally(["It broke.", "Lovely!", "Hm."], ["It is broken.", None, "Unsure."], [NEGATIVE, POSITIVE, None])

    assert (found["negative"], found["positive"], found["unlabelled"]) == (1, 1, 1)
    assert found["complaints"] == ["It is broken."]
    assert found["rows"] == [
        {"sentiment": "negative", "summary": "It is broken.", "comment": "It broke."},
        {"sentiment": "positive", "summary": "Lovely!", "comment": "Lovely!"},
        {"sentiment": None, "summary": "Unsure.", "comment": "Hm."},
    ]


@dataclass(frozen=True)
class Case:
    """Summaries of complaints among six comments, and the sentence about them all."""

    id: str
    complaints: tuple[str, ...]
    lead: str


LEADS = [
    Case("none", (), "None of six customers is unhappy."),
    Case("one", ("The app is slow.",), "One of six customers is unhappy because the app is slow."),
    Case("two", ("It broke!", "I left."), "Two of six customers are unhappy because it broke and I left."),
    Case("four", ("A b.", "C d.", "E f.", "G h."), "Four of six customers are unhappy because a b, c d and e f."),
    Case("an abbreviation", ("USB fails.",), "One of six customers is unhappy because USB fails."),
]


@pytest.mark.parametrize("case", LEADS, ids=lambda case: case.id)
def test_lead(case: Case) -> None:
    """The sentence says how many are unhappy and gives the first three reasons."""
    quiet = 6 - len(case.complaints)
    summaries = [*case.complaints, *["Fine."] * quiet]
    labels = [NEGATIVE] * len(case.complaints) + [POSITIVE] * quiet

    assert tally(summaries, summaries, labels)["lead"] == case.lead


def test_tally_refuses_lists_of_different_length() -> None:
    """The message gives all three lengths."""
    with pytest.raises(ValueError, match="2 comments, 1 summaries and 0 labels"):
        tally(["a", "b"], ["a"], [])


def test_plain_note() -> None:
    """The note numbers the complaints, or says that there are none."""
    assert plain_note(["It broke.", "It is late."]) == "1. It broke. 2. It is late."
    assert plain_note([]) == "Nobody complained."
