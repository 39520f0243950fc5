"""A prompt at the terminal."""

import sys
from collections.abc import Sequence
from typing import Literal

from agentic_prefect.models.chat import Message
from agentic_prefect.models.prompt import RenderedPrompt


def write_prompt(prompt: RenderedPrompt, format: Literal["text", "json"]) -> None:
    """Write a prompt, all of it, with the template that made it."""
    if format == "json":
        sys.stdout.write(prompt.model_dump_json(indent=2) + "\n")
        return
    record = prompt.record
    told = (
        ("left out for want of room", record.dropped),
        ("left out since it has too little to do with the task", record.irrelevant),
        ("not shown whole", record.shortened),
    )
    left_out = [f"## {what}: {', '.join(sources)}" for what, sources in told if sources]
    write_messages(f"# Template {record.id} {record.version}, hash {record.hash[:12]}", prompt.messages, left_out)


def write_messages(title: str, messages: Sequence[Message], remarks: Sequence[str] = ()) -> None:
    """Write messages, each under its role, and remarks after them."""
    parts = [title, *(f"## {message.role}\n\n{message.content.strip()}" for message in messages), *remarks]
    sys.stdout.write("\n\n".join(parts) + "\n")
