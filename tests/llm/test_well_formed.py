"""Text without lone surrogates."""

import json

import pytest

from agentic_prefect.llm.well_formed import WellFormedPieces, well_formed, well_formed_json

CASES = [
    ("plain, é, 😀", "plain, é, 😀"),
    ("cut \ud83d", "cut \ufffd"),
    ("\ud83dx", "\ufffdx"),
    ("\ude00x", "\ufffdx"),
    ("\ud83d\ude00", "😀"),
    ("\ud83d\ud83d\ude00", "\ufffd😀"),
]


@pytest.mark.parametrize(("text", "expected"), CASES, ids=lambda text: ascii(text))
def test_well_formed(text: str, expected: str) -> None:
    """Pairs are joined, lone ones replaced, the rest stays."""
    assert well_formed(text) == expected


@pytest.mark.parametrize(("text", "expected"), CASES, ids=lambda text: ascii(text))
def test_json(text: str, expected: str) -> None:
    """So are those that a JSON text spells."""
    assert json.loads(well_formed_json(json.dumps([text]))) == [expected]
    assert json.loads(well_formed_json(json.dumps([text], ensure_ascii=False))) == [expected]


def test_a_backslash_is_no_escape_sequence() -> None:
    r"""A string that holds the letters `\ud83d` is text like any other."""
    written = json.dumps([r"\ud83d", "\\", "\n"])

    assert well_formed_json(written) == written


@pytest.mark.parametrize(("text", "expected"), CASES, ids=lambda text: ascii(text))
def test_pieces(text: str, expected: str) -> None:
    """Text that comes letter by letter is the same text, and no piece of it has half a pair."""
    pieces = WellFormedPieces()
    heard = [*map(pieces.add, text), pieces.end()]

    assert "".join(heard) == expected
    assert [piece.encode() for piece in heard]
