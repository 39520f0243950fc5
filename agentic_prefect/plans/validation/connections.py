"""Connections that a plan brings along."""

from collections.abc import Iterator

from agentic_prefect.plans.key_variable import forbidden_key, usual_key
from agentic_prefect.plans.problems import Problem
from agentic_prefect.plans.validation.subject import Subject


def connection_problems(subject: Subject) -> Iterator[Problem]:
    """Keys in variables that a plan may not read."""
    for name, connection in subject.plan.models.items():
        if connection.api_key_env and (why := forbidden_key(connection.api_key_env)):
            yield Problem(f"models.{name}.api_key_env", why, f"Keep the key in one such as {usual_key(name)}.")
