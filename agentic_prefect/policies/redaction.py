"""Secrets taken out of text that is kept or shown. Pure: the same text and rules give the same text."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, cast

from pydantic import BaseModel

from agentic_prefect.policies.own_patterns import replace_own

MASK: Final = "[redacted]"
SHORTEST_KNOWN: Final = 8
"""A key of fewer characters is a stand-in for a server that asks for none, such as `test`, and an ordinary word."""
_TELLING: Final = 12
"""So many first characters of a known secret give it away; fewer are the provider's prefix, such as `sk-proj-`."""

# What may stand before a key: no letter or digit, but the end of an escape such as `\n`, `%3D`, `\u0022` or a colour.
_START = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4})|(?<=[0-9\[]m))"
_VALUE = r"[^\s\"'\\,;&<>(){}\[\]]"

_FIELDS = (
    r"api[ _-]?key|secret[_-]?access[_-]?key|access[_-]?key(?:[_-]?id)?|secret[_-]?key|private[_-]?key"
    r"|client[_-]?secret|x-amz-(?:signature|security-token|credential)|token|secret|password|passwd|pwd|passphrase"
)
_FIELD = re.compile(
    rf"(?P<name>{_FIELDS})(?P<between>(?: provided)?\\?[\"']?\]?(?P<sign>\s{{0,3}}(?:=>|[:=])\s{{0,3}}))"
    rf"(?:(?P<quote>\\?[\"'])(?P<quoted>[^\"'\\\n]{{4,}})|(?P<bare>{_VALUE}{{4,}})(?P<call>\()?)",
    re.IGNORECASE,
)
_NAME = re.compile(rf"(?:{_FIELDS})(?: provided)?\\?[\"']?\]?\s{{0,3}}\Z", re.IGNORECASE)
_SIGN = re.compile(r"[:=]")
_LONGEST_NAME: Final = 48
_WORDS: Final = frozenset(
    {
        "string", "number", "integer", "boolean", "object", "array", "null", "none", "true", "false", "str", "bytes",
        "required", "optional", "missing", "invalid", "incorrect", "expired", "revoked", "unknown", "wrong",
        "empty", "unset", "secretstr", "password", "token", "secret", "api_key", "apikey",
    }
)  # fmt: skip
"""What stands after the name of a secret and is none."""
_PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+\Z")
"""`settings.api_key`: code that reads a secret."""

_RULES: Final[tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...]] = (
    (
        ("private key",),
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]{0,60}-----|\Z)", re.S
        ),
        MASK,
    ),
    (("://",), re.compile(r"(?<=://)[^\s/?#@'\"<>:]*:[^\s/?#'\"<>]+@|(?<=://)[^\s/?#@'\"<>:]{20,}@"), f"{MASK}@"),
    (
        ("sk-", "pk-", "rk-", "gsk-", "xai-"),
        re.compile(
            rf"{_START}(?:sk|pk|rk|gsk|xai)-"
            r"(?:(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{10,}|[A-Za-z0-9_-]*(?:\*{3,}|\.{3}|…)[A-Za-z0-9]*)"
        ),
        MASK,
    ),
    (
        ("sk_", "pk_", "rk_", "xai_"),
        re.compile(rf"{_START}(?:(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{{8,}}|(?:gsk|sk|xai)_[A-Za-z0-9]{{20,}})"),
        MASK,
    ),
    (("aiza",), re.compile(rf"{_START}AIza[A-Za-z0-9_-]{{20,}}"), MASK),
    (
        ("akia", "asia", "abia", "acca"),
        re.compile(rf"{_START}(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{{16}}(?![A-Za-z0-9])"),
        MASK,
    ),
    (
        ("gh", "glpat-", "xox", "hf_", "pnu_", "pnb_", "npm_", "nvapi-", "pplx-", "r8_", "dapi"),
        re.compile(
            rf"{_START}(?:gh[pousr]_[A-Za-z0-9]{{20,}}|github_pat_\w{{20,}}|glpat-[\w-]{{16,}}|xox[a-z]-[A-Za-z0-9-]{{10,}}"
            r"|(?:hf|pnu|pnb|npm|r8)_[A-Za-z0-9]{20,}|(?:nvapi|pplx)-[\w-]{20,}|dapi[0-9a-f]{32})"
        ),
        MASK,
    ),
    (("eyj",), re.compile(rf"{_START}eyJ[\w-]{{6,}}\.[\w-]{{6,}}(?:\.[\w-]*)*"), MASK),
    (
        ("authorization",),
        re.compile(
            rf"(authorization\\?[\"']?\s{{0,3}}(?:=>|[:=])\s{{0,3}}\\?[\"']?(?:bearer|basic|digest|token|apikey)\s{{1,3}})"
            rf"{_VALUE}{{4,}}",
            re.IGNORECASE,
        ),
        rf"\g<1>{MASK}",
    ),
    (
        ("bearer",),
        # Words after "bearer" are words; a token has a digit, mixed case, or is longer than words are.
        re.compile(
            rf"(\b[Bb](?:earer|EARER)(?:\s|%20){{1,3}})"
            rf"(?=[^\s\"'\\,;&<>(){{}}\[\]0-9]*[0-9]|[A-Za-z._~+/=-]*[a-z][A-Z]|{_VALUE}{{24}}){_VALUE}{{8,}}"
        ),
        rf"\g<1>{MASK}",
    ),
    (
        ("cookie",),
        re.compile(r"(cookie\\?[\"']?\s{0,3}:\s{0,3}\\?[\"']?)(?=[^\s=;\"'\\]{1,60}=)[^\n\"'\\]{4,}", re.IGNORECASE),
        rf"\g<1>{MASK}",
    ),
)
"""What a text must hold, in lower case, for a rule to be looked at; the rule; what takes its place."""
_FIELD_SIGNS: Final = ("key", "token", "secret", "pass", "pwd", "x-amz")

_BETWEEN: Final = "\n\0\n"
"""Ends every name, sign and value that a rule looks for: none is found across two texts, or hidden by another."""

IDENTITY: Final = frozenset(
    {
        "name", "plan", "run_id", "parent_run_id", "task_id", "task_run_id", "fallback_id", "cause", "intervention_id",
        "waiting_run_id", "url", "agent", "agent_id", "hash", "version", "id", "type",
    }
)  # fmt: skip
"""Fields that say which one is meant, and of what kind; they are never changed as texts."""


@dataclass(frozen=True, slots=True)
class Redactor:
    """Takes secrets out of texts and data."""

    patterns: tuple[re.Pattern[str], ...] = ()
    """Besides the built-in rules: what `own_pattern` made."""
    known: Callable[[], Collection[str]] = frozenset
    """The secrets in use at the moment; those shorter than `SHORTEST_KNOWN` may be ordinary words."""

    def text(self, text: str) -> str:
        """`text` with everything that is, or looks like, a secret masked. A second time changes nothing."""
        known = (secret for secret in self.known() if len(secret) >= SHORTEST_KNOWN)
        return replace_own(redacted(text, *known), self.patterns, MASK)

    def value(self, value: Any, leave: Collection[str] = ()) -> Any:
        """Data with every text in it redacted; the very same object where there is nothing to redact.

        What says which one is meant (ids, names) stays as it is in models; in mappings keys count as texts, too.

        Args:
            value: Plain data, or models of it.
            leave: Fields of models that are not looked into.
        """
        # Most data holds no secret, and to look through it as one text takes a sixth of the time. A pattern of
        # somebody's own may mean where a text begins and ends.
        if not self.patterns:
            whole = _BETWEEN.join(_texts(value, leave))
            if self.text(whole) == whole:
                return value
        return self._value(value, leave)

    def _value(self, value: Any, leave: Collection[str]) -> Any:
        match value:
            case Enum() | bool() | int() | float() | None:
                return value
            case str():
                clean = self.text(value)
                return value if clean == value else clean
            case BaseModel():
                return self._model(value, leave)
            case Mapping():
                pairs = cast("Mapping[Any, Any]", value)
                changed = {self._value(key, ()): self._value(item, leave) for key, item in pairs.items()}
                return pairs if _same(pairs.items(), changed.items()) else changed
            case list() | tuple():
                items = cast("list[Any] | tuple[Any, ...]", value)
                cleaned = [self._value(item, leave) for item in items]
                return items if all(map(_is, items, cleaned)) else type(items)(cleaned)
            case _:
                return value

    def _model(self, model: BaseModel, leave: Collection[str]) -> BaseModel:
        update: dict[str, Any] = {}
        for name, old in _looked_into(model, leave):
            new = self._value(old, leave)
            if new is not old:
                update[name] = new
        return model.model_copy(update=update) if update else model


def _texts(value: Any, leave: Collection[str]) -> Iterator[str]:
    """Every text that `Redactor.value` looks at."""
    match value:
        case Enum():
            return
        case str():
            yield value
        case BaseModel():
            for _, item in _looked_into(value, leave):
                yield from _texts(item, leave)
        case Mapping():
            for key, item in cast("Mapping[Any, Any]", value).items():
                yield from _texts(key, ())
                yield from _texts(item, leave)
        case list() | tuple():
            for item in cast("list[Any] | tuple[Any, ...]", value):
                yield from _texts(item, leave)
        case _:
            return


def _looked_into(model: BaseModel, leave: Collection[str]) -> Iterator[tuple[str, Any]]:
    """The fields that may hold a secret."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        if name not in leave and not (name in IDENTITY and isinstance(value, str)):
            yield name, value


def redacted(text: str, *known: str) -> str:
    """`text` without anything that looks like a key, token or password, and without the secrets in `known`."""
    for secret in known:
        text = _without(text, secret)
    lower = text.lower()
    for signs, pattern, replacement in _RULES:
        # Every text of a run comes by here: a loop costs a fifth of `any` with a generator.
        for sign in signs:
            if sign in lower:
                text = pattern.sub(replacement, text)
                break
    for sign in _FIELD_SIGNS:
        if sign in lower:
            return _without_fields(text)
    return text


def _without(text: str, secret: str) -> str:
    """The text without a known secret, and without the beginning of it where it was cut off."""
    if not secret or secret[:_TELLING] not in text:
        return text
    head, *rest = text.split(secret[:_TELLING])
    tail = secret[_TELLING:]
    parts = [head]
    for part in rest:
        alike = next((at for at, (one, other) in enumerate(zip(part, tail, strict=False)) if one != other), None)
        parts.append(MASK + part[min(len(part), len(tail)) if alike is None else alike :])
    return "".join(parts)


def _without_fields(text: str) -> str:
    """The text with the fields masked that are named like a secret and may hold one.

    Names are looked for before each `=` and `:`, of which there are few: to try a name at every letter takes ten times
    as long.
    """
    parts: list[str] = []
    done = 0
    for sign in _SIGN.finditer(text):
        if sign.start() < done:
            continue
        window = text[max(done, sign.start() - _LONGEST_NAME) : sign.start()]
        lower = window.lower()
        if any(each in lower for each in _FIELD_SIGNS) and (name := _NAME.search(window)):
            match = _FIELD.match(text, sign.start() - len(window) + name.start())
            if match:
                parts += [text[done : match.start()], _field(match)]
                done = match.end()
    return "".join([*parts, text[done:]])


def _field(match: re.Match[str]) -> str:
    """A field that is named like a secret, masked if what stands in it may be one."""
    name, quoted, bare = match["name"].lower(), match["quoted"], match["bare"]
    value = quoted or bare
    if value.lower() in _WORDS or value.startswith(("$", "<", "{", MASK)) or value.lower() == name:
        return match[0]
    if quoted is None and not _may_be_secret(name, match):
        return match[0]
    if quoted is not None and re.search(r"\s", quoted):
        return match[0]
    return f"{match['name']}{match['between']}{match['quote'] or ''}{MASK}{match['call'] or ''}"


def _may_be_secret(name: str, match: re.Match[str]) -> bool:
    """Whether an unquoted value is one; in code and in prose what follows the name mostly is none."""
    value: str = match["bare"]
    if match["call"] or _PATH.match(value) or value.lower().endswith(f"_{name}"):
        return False
    has_digit = any(character.isdigit() for character in value)
    if match["sign"] == "=":
        return name != "token" or has_digit or len(value) >= SHORTEST_KNOWN
    if name.startswith("api"):
        return len(value) >= 6
    if name == "token" and not any(character.isalpha() for character in value):
        return False
    return (len(value) >= 6 and has_digit) or len(value) >= 16


def _same(old: Collection[tuple[Any, Any]], new: Collection[tuple[Any, Any]]) -> bool:
    return len(old) == len(new) and all(a is c and b is d for (a, b), (c, d) in zip(old, new, strict=True))


def _is(one: object, other: object) -> bool:
    return one is other
