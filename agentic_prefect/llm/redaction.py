"""Keys taken out of text that people will read."""

import re

MASK = "[redacted]"

_SECRETS = re.compile(
    r"""
    \b(?:sk|pk|rk|gsk|xai|or)-[A-Za-z0-9_*.\-]{6,}      # keys of model providers, also half masked ones
    | \bAIza[A-Za-z0-9_\-]{20,}                          # Google
    | (?<=bearer\ )[^\s"',;]+                            # Authorization headers
    | (?<=api[_-]key["':=\ ])\ *["']?[A-Za-z0-9_\-]{16,}  # key=value
    """,
    re.VERBOSE | re.IGNORECASE,
)


def redacted(text: str, *known: str) -> str:
    """`text` without anything that looks like a key or a bearer token, and without the secrets in `known`."""
    for secret in known:
        if secret:
            text = text.replace(secret, MASK)
    return _SECRETS.sub(MASK, text)
