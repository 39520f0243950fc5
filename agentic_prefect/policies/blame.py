"""What a failure says about the answers that came before it in the same attempt. Pure."""

from typing import Final

from agentic_prefect.errors import ErrorCode

STANDING: Final = frozenset(
    {
        ErrorCode.RATE_LIMIT,
        ErrorCode.TIMEOUT,
        ErrorCode.CONNECTION,
        ErrorCode.SERVER,
        ErrorCode.OVERLOADED,
        ErrorCode.AUTHENTICATION,
        ErrorCode.PERMISSION,
        ErrorCode.BUDGET_EXCEEDED,
        ErrorCode.CAPABILITY_ERROR,
        ErrorCode.HUMAN_TIMEOUT,
    }
)
"""Failures of what comes after an answer: the next attempt goes on from there."""


def answers_stand(code: ErrorCode) -> bool:
    """Whether what models answered before this failure is worth keeping.

    After any other failure the answers may be to blame, and to be asked again is what another attempt is for.
    """
    return code in STANDING
