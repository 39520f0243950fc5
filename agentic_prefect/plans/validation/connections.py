"""Connections that a plan brings along."""

from collections.abc import Iterator

from agentic_prefect.plans.key_variable import forbidden_key, forbidden_way, usual_key
from agentic_prefect.plans.problems import Problem
from agentic_prefect.plans.validation.subject import Subject


def connection_problems(subject: Subject) -> Iterator[Problem]:
    """Keys in variables that a plan may not read."""
    allowed = subject.known.allowed_keys
    for name, connection in subject.plan.models.items():
        place = f"models.{name}.api_key_env"
        if connection.api_key_env and (why := forbidden_key(connection.api_key_env)):
            yield Problem(place, why, f"Keep the key in one such as {usual_key(name)}.")
        elif connection.api_key_env and allowed is not None and (why := forbidden_way(connection, allowed)):
            yield Problem(place, why)
