"""How much two texts have in common, by the words in them."""

import math
import re
from collections import Counter
from typing import Final

MAX_CHARS: Final = 50_000
"""Of a longer text only the beginning is looked at."""
_WORD: Final = re.compile(r"[^\W_]+")
_COMMON: Final = frozenset(
    [
        *("a", "an", "and", "are", "as", "at", "be", "been", "but", "by", "can", "did", "do", "does", "for", "from"),
        *("had", "has", "have", "how", "i", "if", "in", "into", "is", "it", "its", "me", "my", "no", "not", "of", "on"),
        *("or", "our", "so", "such", "than", "that", "the", "their", "them", "then", "there", "these", "they", "this"),
        *("to", "us", "was", "we", "were", "what", "when", "where", "which", "who", "why", "will", "with", "you"),
        "your",
    ]
)
"""English words that say nothing about what a text is about."""


def words(text: str) -> Counter[str]:
    """The words of a text that say something, in lower case, and how often each occurs."""
    found = _WORD.findall(text[:MAX_CHARS].casefold())
    return Counter(word for word in found if word not in _COMMON)


def likeness(one: Counter[str], other: Counter[str]) -> float:
    """0 for texts without a common word, 1 for the same words equally often: the cosine of their word counts."""
    shared = sum(count * other[word] for word, count in one.items() if word in other)
    if not shared:
        return 0.0
    return shared / math.sqrt(sum(n * n for n in one.values()) * sum(n * n for n in other.values()))
