"""How long to wait before another attempt."""

from typing import assert_never

from agentic_prefect.models.policy import BackoffKind


def backoff_s(
    retry: int,
    *,
    kind: BackoffKind,
    base_s: float,
    max_s: float,
    jitter_ratio: float,
    draw: float,
    retry_after_s: float | None = None,
) -> float:
    """Seconds to wait before retry number `retry` (1 is the first).

    `exponential` doubles from `base_s`, `linear` adds it, `constant` repeats it, `none` does not wait. The wait varies
    by `jitter_ratio` up and down. What the provider asked for is a floor that neither `max_s` nor jitter undercuts.

    Args:
        draw: A random number in [0, 1), passed in so that the result can be tested.
        retry_after_s: What the provider asked for; `None` when it said nothing.

    Raises:
        ValueError: `retry` is below 1.
    """
    if retry < 1:
        raise ValueError(f"retry={retry!r} must be 1 or more: 1 is the first retry.")
    match kind:
        case "exponential":
            wait_s = base_s * 2.0 ** (retry - 1)
        case "linear":
            wait_s = base_s * retry
        case "constant":
            wait_s = base_s
        case "none":
            wait_s = 0.0
        case _:
            assert_never(kind)
    wait_s = min(wait_s, max_s) * (1 - jitter_ratio + 2 * jitter_ratio * draw)
    return wait_s if retry_after_s is None else max(wait_s, retry_after_s)
