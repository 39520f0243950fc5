"""`agentic-prefect prompts history`."""

import json
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from rich.table import Table

from agentic_prefect.bootstrap.prompt_releases import PromptReleases
from agentic_prefect.cli.terminal import stdout
from agentic_prefect.models.release import ReleaseEntry
from agentic_prefect.prompting.changes import undeclared_breaks
from agentic_prefect.reports.wording import one_line


@dataclass(frozen=True, slots=True)
class _Row:
    at: datetime
    what: str
    version: str
    author: str
    note: str

    def data(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "at": self.at.isoformat(),
            "what": self.what,
            "version": self.version,
            "author": self.author,
            "note": self.note,
        }


def history(
    template: Annotated[str, Parameter()],
    /,
    *,
    format: Annotated[Literal["text", "json"], Parameter(name=("--format", "-f"))] = "text",
) -> None:
    """Show what became of a template: its versions and releases, by whom and why.

    The time of a version is that of its file's last change.

    Args:
        template: A template's id.
        format: A table for people, or JSON for programs.
    """
    releases = PromptReleases(Path())
    entries = releases.entries(template)
    rows = [
        _Row(held.at, "version", held.template.version, held.author, held.note)
        for held in releases.registry.registrations(template)
    ]
    rows += [_Row(entry.at, entry.action, released(entry), entry.author, entry.note) for entry in entries]
    rows.sort(key=lambda row: row.at)
    breaks = undeclared_breaks(releases.registry, template)
    if format == "json":
        data = {"template": template, "changes": [row.data() for row in rows], "breaking": list(breaks)}
        sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")
        return
    page = Table("When (UTC)", "What", "Version", "Who", "Why", box=None, pad_edge=False)
    for row in rows:
        page.add_row(f"{row.at:%Y-%m-%d %H:%M}", row.what, row.version, row.author, one_line(row.note, 60))
    stdout().print(page)
    for told in breaks:
        stdout().print(f"Breaking: {told}", soft_wrap=True)


def released(entry: ReleaseEntry) -> str:
    """What an entry came to, in a few words."""
    if entry.candidate is None:
        return entry.stable
    return f"{entry.candidate} for {entry.percent:g} %, {entry.stable} for the rest"
