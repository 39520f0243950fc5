"""Text from elsewhere as part of a Markdown page, without becoming markup itself."""

import re

from agentic_prefect.reports.wording import one_line, printable

MAX_CHARACTERS = 100_000
"""A longer page is cut: an artifact of this size still opens at once in Prefect's UI."""

# GitHub's Markdown lets a backslash stand before any punctuation. An underscore inside a word marks nothing.
# A bracket marks something only as part of `[text](address)` or `[text][name]`.
_INLINE = re.compile(
    r"[\\`*<>|~]|\[(?=[^\]]*\][(\[])|\](?=[(\[])|(?<![^\W_])_|_(?![^\W_])|^[#>+=-]|^\d+(?=[.)])|&(?=#?\w+;)"
)
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_ACTIVE = re.compile(r"!(?=\[)|<(?=[A-Za-z/!?])|\[(?=[^\]]*\]:)")


def inline(text: str, limit: int = 300) -> str:
    """The text as part of a line: one line, at most `limit` characters, nothing in it is markup."""
    return _INLINE.sub(_escaped, one_line(text, limit))


def _escaped(match: re.Match[str]) -> str:
    found = match.group()
    return f"{found}\\" if found.isdigit() else f"\\{found}"


def table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table; a column whose name begins with `>` is aligned to the right.

    Args:
        rows: Cells that are Markdown already: see `inline`.
    """
    names = [name.lstrip(">") for name in columns]
    rule = ["---:" if name.startswith(">") else "---" for name in columns]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (names, rule, *rows))


def fenced(text: str, language: str = "text") -> str:
    """The text as a code block, whatever backticks it has."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{printable(text)}\n{fence}"


def passive(text: str) -> str:
    """Markdown that somebody else wrote, with images, HTML and link definitions made inert.

    Headings, lists, tables and links stay. An image is fetched when a page is opened, so that its address could carry
    data away; HTML outside of code is shown as it is written; a definition would make links of other parts of the page.
    """
    fence, lines = "", list[str]()
    for line in printable(text).splitlines():
        match = _FENCE.match(line)
        if match and not fence:
            fence = match.group(1)
        elif match and match.group(1).startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
        elif not fence:
            line = _ACTIVE.sub(r"\\\g<0>", line)
        lines.append(line)
    return "\n".join([*lines, fence] if fence else lines)


def bounded(page: str, limit: int = MAX_CHARACTERS) -> str:
    """The page, cut after a whole line when it is longer than `limit` characters, with a note that says so."""
    if len(page) <= limit:
        return page
    kept = page[: page.rfind("\n", 0, limit) + 1] or page[:limit]
    fence = ""
    for line in kept.splitlines():
        match = _FENCE.match(line)
        if match and (not fence or match.group(1).startswith(fence)):
            fence = "" if fence else match.group(1)
    closing = f"{fence}\n" if fence else ""
    return f"{kept}{closing}\n*Cut here: {len(page) - len(kept):,} of {len(page):,} characters are left out.*\n"
