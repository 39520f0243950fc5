"""Sorts labelled documents and writes a reply of last resort. Pure functions, called by the plan `triage`."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

LABELS: Final = ("invoice", "complaint", "question", "other")


def sort_documents(documents: Sequence[str], labels: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:
    """The documents by label; one that could not be labelled counts as `other`.

    Args:
        documents: Texts.
        labels: For each document `{label, urgent}`, or null where there is none.

    Returns:
        A list of texts under each label, and those that are urgent under `urgent`.

    Raises:
        ValueError: There are not as many labels as documents.
    """
    if len(documents) != len(labels):
        raise ValueError(f"There are {len(documents)} documents and {len(labels)} labels; each document needs one.")
    piles: dict[str, list[str]] = {label: [] for label in LABELS}
    urgent: list[str] = []
    for text, label in zip(documents, labels, strict=True):
        name = label["label"] if label is not None else "other"
        piles[name if name in piles else "other"].append(text)
        if label is not None and label["urgent"]:
            urgent.append(text)
    return {**piles, "urgent": urgent}


def standard_replies(complaints: Sequence[str]) -> list[str]:
    """A polite acknowledgement for each complaint, written without a model."""
    return [
        f"Thank you for writing to us about: {_first_words(text)} We have passed it on and will answer in person."
        for text in complaints
    ]


def _first_words(text: str, most: int = 60) -> str:
    line = " ".join(text.split())
    return f'"{line}".' if len(line) <= most else f'"{line[:most].rstrip()}…".'
