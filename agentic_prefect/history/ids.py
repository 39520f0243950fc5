"""Ids of entries: given, random, or the same for the same content in every process."""

import json
from typing import Any
from uuid import UUID, uuid4, uuid5

from pydantic_core import to_jsonable_python

from agentic_prefect.models.history_errors import AmbiguousId

_SPACE = UUID("8d0c5a2e-6a3b-5f0e-9d3c-4b7d0f2a9c11")


def entry_id(given: str = "", *, content: Any = None) -> str:
    """The id that was given, or one derived from `content`, or a random one.

    Args:
        given: An id of one's own.
        content: Plain data; equal data gives an equal id in every process and on every machine.

    Raises:
        AmbiguousId: Both were given.
    """
    if given and content is not None:
        raise AmbiguousId(given)
    if content is None:
        return given or str(uuid4())
    plain = to_jsonable_python(content, fallback=str)
    return str(uuid5(_SPACE, json.dumps(plain, sort_keys=True, separators=(",", ":"))))
