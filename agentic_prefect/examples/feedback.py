"""Counts what customers said and writes it up without a model. Pure functions, called by the plan `demo`."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

SENTIMENTS: Final = ("negative", "positive")
REASONS_IN_LEAD: Final = 3
"""A small model loses the thread in a longer sentence."""

_NUMBERS: Final = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)


def tally(
    comments: Sequence[str], summaries: Sequence[str | None], labels: Sequence[Mapping[str, Any] | None]
) -> dict[str, Any]:
    """How many comments are negative and positive, each with its summary, and a sentence about them all.

    Args:
        comments: Texts.
        summaries: One for each comment; null where there is none, so that the comment stands for itself.
        labels: For each comment `{sentiment}`, or null where there is none.

    Returns:
        `negative`, `positive` and `unlabelled` as counts; `rows` with `sentiment` (null if unlabelled), `summary` and
        `comment`; `complaints`, the summaries of the negative ones; `lead`, the sentence.

    Raises:
        ValueError: There are not as many summaries and labels as comments.
    """
    if not len(comments) == len(summaries) == len(labels):
        raise ValueError(
            f"There are {len(comments)} comments, {len(summaries)} summaries and {len(labels)} labels; "
            f"each comment needs one of both."
        )
    rows = [
        {
            "sentiment": label["sentiment"] if label is not None and label["sentiment"] in SENTIMENTS else None,
            "summary": (summary or comment).strip(),
            "comment": comment,
        }
        for comment, summary, label in zip(comments, summaries, labels, strict=True)
    ]
    counts = {name: sum(row["sentiment"] == name for row in rows) for name in SENTIMENTS}
    complaints = [str(row["summary"]) for row in rows if row["sentiment"] == "negative"]
    return {
        **counts,
        "unlabelled": len(rows) - sum(counts.values()),
        "complaints": complaints,
        "lead": _lead(len(rows), complaints),
        "rows": rows,
    }


def plain_note(complaints: Sequence[str]) -> str:
    """The complaints one after the other, without a model; says so when there are none."""
    if not complaints:
        return "Nobody complained."
    return " ".join(f"{number}. {text}" for number, text in enumerate(complaints, start=1))


def _lead(total: int, complaints: Sequence[str]) -> str:
    if not complaints:
        return f"None of {_in_words(total)} customers is unhappy."
    reasons = [_clause(complaint) for complaint in complaints[:REASONS_IN_LEAD]]
    listed = f"{', '.join(reasons[:-1])} and {reasons[-1]}" if len(reasons) > 1 else reasons[0]
    number = _in_words(len(complaints)).capitalize()
    verb = "is" if len(complaints) == 1 else "are"
    return f"{number} of {_in_words(total)} customers {verb} unhappy because {listed}."


def _in_words(number: int) -> str:
    return _NUMBERS[number] if number < len(_NUMBERS) else str(number)


def _clause(sentence: str) -> str:
    """The sentence as a part of another one: no full stop, and a small letter first unless that is I or as in USB."""
    text = " ".join(sentence.split()).rstrip(".! ")
    is_abbreviation = text[:2].isalpha() and text[:2].isupper()
    return text if is_abbreviation or text.startswith(("I ", "I'")) else text[:1].lower() + text[1:]
