"""What a Prefect server keeps for plans, as blocks: it registers their types from here."""

from agentic_prefect.blocks.agent_profile import AgentProfile
from agentic_prefect.blocks.openai_connection import OpenAIConnection
from agentic_prefect.blocks.prompt_releases import PromptReleasesBlock
from agentic_prefect.blocks.stored_plan import StoredPlan
from agentic_prefect.blocks.stored_prompt import StoredPrompt

__all__ = ["AgentProfile", "OpenAIConnection", "PromptReleasesBlock", "StoredPlan", "StoredPrompt"]
