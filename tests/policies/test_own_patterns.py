"""Patterns that somebody configures are looked at before they are used, and cannot hold up a run."""

import pytest

from agentic_prefect.policies.own_patterns import BadPattern, own_pattern, own_patterns, replace_own

REFUSED = [
    ("ACME-[0-9", "it is no regular expression (unterminated character set at position 5)"),
    ("x*", "it matches where there is nothing"),
    ("(?:)", "it matches where there is nothing"),
    ("(a+)+b", "it repeats a repeat, such as `(a+)+`, which can take for ever"),
    ("(?:x|(?:a*b)*)c", "it repeats a repeat, such as `(a+)+`, which can take for ever"),
    (".*a.*b.*c.*d", "it has 4 repeats without an end, 3 are allowed; bound them"),
]


@pytest.mark.parametrize(("pattern", "why"), REFUSED, ids=[pattern for pattern, _ in REFUSED])
def test_a_bad_pattern_is_refused(pattern: str, why: str) -> None:
    """The message has the pattern, what is wrong with it and how one is written."""  # F-51
    with pytest.raises(BadPattern) as refused:
        own_pattern(pattern)

    assert str(refused.value) == (
        f"The pattern {pattern!r} cannot be used to redact: {why}. Write a Python regular expression for the secret "
        f"itself, such as 'ACME-[0-9]{{6}}' (PREFECT_INTEGRATIONS_AGENTIC_REDACT is a JSON list)."
    )


def test_too_long_and_too_many() -> None:
    """There is an end to the length and to the number of patterns."""
    with pytest.raises(BadPattern, match="it has 501 characters, 500 are allowed"):
        own_pattern("x" * 501)
    with pytest.raises(BadPattern, match="it is one of 51, 50 are allowed"):
        own_patterns(("a",) * 51)


CASES = [
    ("ticket ACME-123456, ACME-1", "ticket #, ACME-1"),
    ("a@b.de wrote to c@d.de", "# wrote to #"),
    ("first ACME-123456\nsecond ACME-654321\n", "first #\nsecond #\n"),
    ("x" * 995 + "ACME-123456" + "y", "x" * 995 + "#y"),
    ("nothing", "nothing"),
]


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text[:24] for text, _ in CASES])
def test_what_matches_is_masked(text: str, expected: str) -> None:
    """Every match of every pattern is masked, across the end of a piece, too."""  # F-51
    assert replace_own(text, own_patterns((r"ACME-[0-9]{6}", r"[a-z]@[a-z]\.de")), "#") == expected
