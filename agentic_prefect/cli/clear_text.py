"""What Prefect keeps in clear on its server holds no keys."""

from collections.abc import Mapping
from typing import Any

from agentic_prefect.cli.usage import UsageError
from agentic_prefect.plans.names import listing
from agentic_prefect.policies.own_patterns import own_patterns
from agentic_prefect.policies.redaction import Redactor
from agentic_prefect.settings import AgenticSettings, secrets


def require_no_keys(values: Mapping[str, Any], what: str) -> None:
    """Make sure that values which a deployment or an automation is to give its runs hold no keys.

    Args:
        values: By name.
        what: What they are called in the message, such as `input`.

    Raises:
        UsageError: One of them is a key that is in use here, or looks like a key or a password.
    """
    redactor = Redactor(own_patterns(AgenticSettings().redact), secrets)
    found = [name for name, value in values.items() if _holds_key(redactor, name, value)]
    if found:
        raise UsageError(
            f"The {what} {listing(map(repr, found))} holds what looks like a key or a password, and Prefect keeps it "
            f"in clear. Keep the key in a block (OpenAIConnection for a model's, Secret for others) or in the "
            f"environment of the worker, and give at most the block's name here."
        )


def _holds_key(redactor: Redactor, name: str, value: Any) -> bool:
    if isinstance(value, str):
        named = f"{name}={value}"  # a name such as `password` tells, too
        return redactor.text(named) != named
    return redactor.value(value) is not value
