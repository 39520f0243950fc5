"""Connections and agents that a plan names and does not bring along: looked up among the server's blocks.

Everything here blocks for a moment; a plan that brings along what it names asks nothing.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any, Final, TypeVar, cast

import httpx
from prefect.blocks.core import Block
from prefect.settings import PREFECT_API_URL

from agentic_prefect.blocks.agent_profile import AgentProfile
from agentic_prefect.blocks.openai_connection import OpenAIConnection
from agentic_prefect.blocks.refusal import refusal
from agentic_prefect.errors import ConnectionLost
from agentic_prefect.models.connection import Connection
from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.agents import undescribed_agents, with_agents

_BLOCK_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
BlockT = TypeVar("BlockT", bound=Block)


def named_connections(names: Collection[str]) -> Mapping[str, Connection]:
    """The connections with these names that the server holds; those that it does not hold are left out.

    Raises:
        PlanInvalid: One of them cannot be used.
        ConnectionLost: The server does not answer.
    """
    found = {name: _load(OpenAIConnection, name) for name in names}
    return {name: block.connection() for name, block in found.items() if block is not None}


def with_profiles(plan: Plan) -> Plan:
    """The plan with those of its agents that it does not describe and that the server holds; otherwise as it is.

    Raises:
        ConnectionLost: The server does not answer.
    """
    found = {name: _load(AgentProfile, name) for name in sorted(undescribed_agents(plan))}
    return with_agents(plan, {name: block.agent(name) for name, block in found.items() if block is not None})


def _load(kind: type[BlockT], name: str) -> BlockT | None:
    if not PREFECT_API_URL.value() or not _BLOCK_NAME.fullmatch(name):
        return None
    try:
        return cast("BlockT", cast(Any, kind).load(name, _sync=True))
    except ValueError:  # what Prefect says of a block that is not there
        return None
    except httpx.HTTPStatusError as error:
        raise refusal(error) from error
    except httpx.TransportError as error:
        why = str(error) or type(error).__name__
        raise ConnectionLost(
            f"Whether the Prefect server has a block {name!r} cannot be asked: {why}. Start it, or correct "
            f"PREFECT_API_URL."
        ) from error
