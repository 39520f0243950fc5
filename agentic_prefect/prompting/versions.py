"""Versions of templates, `MAJOR.MINOR.PATCH`, and ranges of them."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from semver import Version

from agentic_prefect.prompting.errors import PromptError

Range = Callable[[Version], bool]

_COMPARISON: Final = re.compile(r"(\^|~|>=|<=|>|<|==|=)?\s*([^\s,<>=^~]+)")


@lru_cache(maxsize=2_000)
def parse_version(text: str) -> Version:
    """The version that `text` says; parts left out are 0, so `1.0` is 1.0.0.

    Raises:
        PromptError: It is no semantic version.
    """
    try:
        return Version.parse(text.strip(), optional_minor_and_patch=True)
    except ValueError as error:
        raise PromptError(
            f"The version {text!r} is not a semantic version. Write MAJOR.MINOR.PATCH, such as 1.0.0."
        ) from error


@lru_cache(maxsize=2_000)
def parse_range(text: str) -> Range:
    """Whether a version lies in the range `text`.

    `^1.2` is what is compatible with 1.2 (below 2.0.0; `^0.2` is below 0.3.0), `~1.2` is every 1.2.x, and comparisons
    can be put together with commas: `>=1.2, <1.5`. A version alone is that version. A pre-release, such as
    2.0.0-draft, lies in no range and is only found by its exact version.

    Raises:
        PromptError: It is no such range.
    """
    parts = _COMPARISON.findall(text)
    if not parts or _COMPARISON.sub("", text).strip(" ,"):
        raise PromptError(
            f"The version range {text!r} cannot be read. Write a version (1.2.0), what is compatible with one (^1.2), "
            f"or comparisons (>=1.2, <2)."
        )
    if len(parts) == 1 and parts[0][0] in ("", "=", "=="):
        wanted = parse_version(parts[0][1])
        return lambda version: version == wanted
    bounds = [_bound(sign, parse_version(version)) for sign, version in parts]
    return lambda version: version.prerelease is None and all(holds(version) for holds in bounds)


def _bound(sign: str, base: Version) -> Range:
    match sign:
        case "^":
            above = base.bump_major() if base.major else base.bump_minor() if base.minor else base.bump_patch()
            return lambda version: base <= version < above
        case "~":
            above = base.bump_minor()
            return lambda version: base <= version < above
        case ">=":
            return lambda version: version >= base
        case "<=":
            return lambda version: version <= base
        case ">":
            return lambda version: version > base
        case "<":
            return lambda version: version < base
        case _:
            return lambda version: version == base
