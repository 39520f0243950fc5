r"""Text without lone surrogates. JSON can spell them (`"\ud83d"`, half of an emoji), and no file, database or server
takes them: each becomes U+FFFD, as `String.prototype.toWellFormed` does it. Pure.
"""

import codecs
import re
from typing import Final

_UTF_16: Final = "utf-16-le"
_ESCAPES: Final = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
"""Every escape sequence of a JSON text, a pair of surrogates as one; the group is a lone one."""


def well_formed(text: str) -> str:
    """`text` with its pairs of surrogates joined and lone ones replaced."""
    return _units(text).decode(_UTF_16, "replace")


def well_formed_json(text: str) -> str:
    """The same for text that holds JSON, whose strings may spell a lone surrogate as an escape sequence."""
    return _ESCAPES.sub(lambda found: r"\ufffd" if found[1] else found[0], well_formed(text))


class WellFormedPieces:
    """The same for text that comes in pieces, between which a pair may be split."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder(_UTF_16)("replace")

    def add(self, piece: str) -> str:
        """The text that `piece` adds; the first half of a pair waits for the second."""
        return self._decoder.decode(_units(piece))

    def end(self) -> str:
        """What is left when no piece follows."""
        return self._decoder.decode(b"", final=True)


def _units(text: str) -> bytes:
    return text.encode(_UTF_16, "surrogatepass")
