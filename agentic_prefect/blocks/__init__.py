"""What a Prefect server keeps for plans, as blocks: it registers their types from here."""

from agentic_prefect.blocks.stored_plan import StoredPlan
from agentic_prefect.blocks.stored_prompt import StoredPrompt

__all__ = ["StoredPlan", "StoredPrompt"]
