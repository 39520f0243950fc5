"""The prompts that were sent, as entries."""

from agentic_prefect.history.ids import entry_id
from agentic_prefect.history.watched import Watched
from agentic_prefect.models.events import TaskPrompted
from agentic_prefect.models.history import PromptEntry
from agentic_prefect.models.prompt import PromptVersion


def prompt_entry(event: TaskPrompted, watched: Watched) -> PromptEntry:
    """The entry of a prompt; the same attempt at the same time sends no prompt twice."""
    sent = event.prompt
    return PromptEntry(
        id=entry_id(content=[event.run_id, event.task_id, event.attempt, sent.text_hash, event.at.isoformat()]),
        at=event.at,
        updated_at=event.at,
        task_id=event.task_id,
        agent=watched.task(event.task_id).agent,
        model=event.model,
        prompt=PromptVersion(id=sent.id, version=sent.version, hash=sent.hash),
        attempt=event.attempt,
        refinement=sent.refinement,
        text_hash=sent.text_hash,
        parent=sent.parent,
        text=watched.clean(sent.text),
        **watched.part(),
    )
