"""How much texts have in common."""

from agentic_prefect.prompting.likeness import likeness, words


def near(one: str, other: str) -> float:
    """The likeness of two texts, to three places."""
    return round(likeness(words(one), words(other)), 3)


def test_likeness_is_about_words_that_say_something() -> None:
    """Equal words count however they are written; what every text has does not."""
    assert near("Surf in the Caribbean", "the caribbean: SURF!") == 1.0
    assert near("the and of", "the and of") == 0.0
    assert near("surf spots", "surf lessons") == 0.5
    assert near("", "surf") == 0.0
