"""The functions that the plan `triage` calls."""

from __future__ import annotations

import pytest

from agentic_prefect.examples.triage import sort_documents, standard_replies


def test_documents_lie_under_their_labels() -> None:
    """Each document is in one pile, urgent ones in theirs as well; no label, or one that is not known, is `other`."""
    labels = [
        {"label": "invoice", "urgent": False},
        None,
        {"label": "complaint", "urgent": True},
        {"label": "poem", "urgent": False},
    ]

    piles = sort_documents(["a", "b", "c", "d"], labels)

    assert piles == {"invoice": ["a"], "complaint": ["c"], "question": [], "other": ["b", "d"], "urgent": ["c"]}


def test_every_document_needs_a_label() -> None:
    """A list that is too short is a mistake in the plan, not a reason to drop documents."""
    with pytest.raises(ValueError, match="2 documents and 1 labels"):
        sort_documents(["a", "b"], [None])


def test_the_standard_reply_quotes_the_beginning() -> None:
    """A reply quotes a short complaint whole, and the first words of a long one."""
    short, long = standard_replies(["The cup  is\nbroken", "word " * 50])

    assert '"The cup is broken"' in short
    assert len(long) < 200
    assert "…" in long
