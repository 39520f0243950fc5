"""What is said when a plan and its inputs are larger than the parameters of a flow run may be."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final

from httpx import HTTPStatusError

from agentic_prefect.errors import PlanInvalid

_TOO_LARGE: Final = re.compile(r"parameters must be less than ([\d,]+) bytes when serialized \(got ([\d,]+) bytes\)")
"""Prefect's words; how much it takes is a setting of the server."""


@contextmanager
def parameters_fit(plan: str) -> Generator[None]:
    """Around what makes the flow run of a plan.

    Raises:
        PlanInvalid: The server refuses the parameters for their size.
    """
    try:
        yield
    except HTTPStatusError as error:
        too_large = _TOO_LARGE.search(str(error))
        if error.response.status_code != HTTPStatus.UNPROCESSABLE_ENTITY or too_large is None:
            raise
        most, size = too_large.groups()
        # Not chained: the server's answer repeats the whole input.
        raise PlanInvalid(
            f"The plan {plan!r} and its inputs take {size} bytes, and the Prefect server takes flow runs with less "
            f"than {most} bytes of parameters. Give the path or the address of large data as the input and have a "
            "`function` task read it, or raise the server's setting PREFECT_SERVER_API_MAX_PARAMETER_SIZE."
        ) from None
