"""Keeps secrets out of the errors that end a flow run, which Prefect keeps in the run's state and writes to its log."""

from collections.abc import Generator
from contextlib import contextmanager

from agentic_prefect.errors import AgenticError, PlanInvalid
from agentic_prefect.policies.disclosure import Disclosure
from agentic_prefect.runtime.services import current_disclosure


@contextmanager
def errors_without_secrets(disclosure: Disclosure | None = None) -> Generator[None]:
    """Errors of ours leave this block as they are; one that quotes a secret leaves as a `PlanInvalid` without it.

    Args:
        disclosure: What says which words are secrets; `None` takes that of the services in use.
    """
    try:
        yield
    except AgenticError as error:
        told = (disclosure or current_disclosure()).text(str(error))
        if told == str(error):
            raise
        raise PlanInvalid(told) from None
