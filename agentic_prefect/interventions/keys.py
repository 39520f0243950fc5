"""Keys that people hand in: kept in memory or in a Prefect Secret block, and known by a name to everything else."""

from typing import Any, cast

from prefect.blocks.system import Secret
from pydantic import SecretStr

from agentic_prefect.plans.answers import AnswerRefused

_typed: dict[str, SecretStr] = {}
"""Those that were typed at the terminal of this process."""


def keep_in_memory(key: SecretStr) -> str:
    """Keep a key until this process ends.

    Returns:
        What to call it in place of a Secret block.
    """
    name = f"in-memory-{len(_typed) + 1}"
    _typed[name] = key
    return name


async def keep_in_block(name: str, key: SecretStr) -> None:
    """Save a key as the Prefect Secret block of this name, in place of what is there."""
    await cast(Any, Secret(value=cast(Any, key))).asave(name, overwrite=True)


async def key_named(name: str) -> SecretStr:
    """The key of this name.

    Raises:
        AnswerRefused: There is none, or it is no text.
    """
    if name in _typed:
        return _typed[name]
    try:
        block: Any = await cast(Any, Secret.aload)(name)
    except ValueError:
        raise AnswerRefused(
            f"There is no Secret block {name!r}. Make one (Blocks, Secret), and name it here; or give the key itself "
            f"to `agentic-prefect interventions respond --credentials`, which makes one."
        ) from None
    if not isinstance(value := block.get(), str):
        raise AnswerRefused(f"The Secret block {name!r} holds no text, and a key is one.")
    return SecretStr(value)
