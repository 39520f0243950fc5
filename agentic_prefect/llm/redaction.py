"""Keys taken out of text that people will read."""

import re

MASK = "[redacted]"

_KEYS = re.compile(r"\b(?:(?:sk|pk|rk|gsk|xai)[-_][A-Za-z0-9_*.\-]{6,}[A-Za-z0-9]|AIza[A-Za-z0-9_\-]{20,})")
"""Keys of model providers as they are issued, half masked ones included."""
_NAMED = re.compile(r"(bearer\s+|api[_-]?key[\"']?\s*[:=]\s*[\"']?)[^\s\"',;}]{6,}", re.IGNORECASE)
"""Whatever stands where a key belongs: an `Authorization` header, a field called `api_key`."""


def redacted(text: str, *known: str) -> str:
    """`text` without anything that looks like a key or a bearer token, and without the secrets in `known`."""
    for secret in known:
        if secret:
            text = text.replace(secret, MASK)
    return _NAMED.sub(rf"\g<1>{MASK}", _KEYS.sub(MASK, text))
