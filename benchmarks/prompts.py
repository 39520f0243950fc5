"""`python -m benchmarks.prompts`: prompts rendered and templates looked up; writes `benchmarks/results/prompts.md`.

The same template and the same data go through a registry and through Jinja's own sandbox, in turn. The registry besides
checks the data, puts messages together, tidies the text and keeps its bounds.
"""

import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from agentic_prefect.prompting.registry import PromptRegistry, default_registry

RESULTS = Path(__file__).parent / "results" / "prompts.md"
RENDERINGS = 1_000
ROUNDS = 15
TEMPLATES = 1_000
ALLOWED_RATIO, ALLOWED_LOAD_S = 1.3, 0.5
ITEM = "The report says that the figures of the third quarter are better than those of the second one, by a fifth. "


def data() -> dict[str, Any]:
    """A task with 4 kB of context in eight parts, an input and a schema."""
    part = (ITEM * 5)[:512]
    return {
        "agent": {
            "name": "writer",
            "role": "editor",
            "purpose": "write what people read",
            "backstory": "",
            "constraints": ["cite sources", "use plain words"],
        },
        "capabilities": [],
        "tools": [],
        "detail": "high",
        "description": "Sum the reports up in five sentences.",
        "context": [
            {"text": f"{number}. {part}", "source": f"task read[{number}]", "trusted": True} for number in range(8)
        ],
        "input_json": '{\n  "title": "Quarterly",\n  "sentences": 5\n}',
        "input_fields": [{"name": "title", "type": "string", "description": "What stands above it"}],
        "output_schema": '{\n  "type": "object",\n  "properties": {"text": {"type": "string"}}\n}',
        "special_instructions": "",
        "feedback": None,
        "examples": [],
        "reasoning": False,
        "domain": "",
        "task": {"id": "sum_up", "tags": []},
    }


def seconds(act: Callable[[], object]) -> float:
    """How much time of the processor it takes: other work on the machine does not count."""
    began = time.process_time()
    act()
    return time.process_time() - began


def rendering() -> tuple[float, float]:
    """Milliseconds per prompt: of a registry, and of Jinja's sandbox."""
    registry, given = default_registry(), data()
    template = registry.get("agent.default")
    plain = SandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    compiled = plain.from_string(template.source)
    program = registry.program(template)

    def ours() -> None:
        for _ in range(RENDERINGS):
            program.render(given)

    def theirs() -> None:
        for _ in range(RENDERINGS):
            compiled.render(given)

    ours()
    theirs()
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(ROUNDS)]
    own, other = (statistics.median(column) * 1_000 / RENDERINGS for column in zip(*pairs, strict=True))
    return own, other


def looking_up(folder: Path) -> tuple[float, dict[str, float]]:
    """Seconds to load the templates, and microseconds to look one up, by kind of reference."""
    for number in range(TEMPLATES):
        text = (
            f"---\nid: some.template{number}\nversion: 1.{number % 7}.0\ntask_type: type{number % 20}\n"
            f"tags: [one, two]\ndescription: The template number {number}.\nvariables:\n  text: string\n"
            f"  tone: {{type: string, default: plain}}\n---\n{{% block user %}}\nSay in a {{{{ tone }}}} tone:\n\n"
            f"{{{{ text }}}}\n{{% endblock %}}\n"
        )
        (folder / f"template{number}.md.j2").write_text(text)
    loads: list[float] = []
    registry = PromptRegistry()
    for _ in range(5):
        registry = PromptRegistry()
        loads.append(seconds(lambda registry=registry: registry.load(folder)))
    assert len(registry) == TEMPLATES
    ids = [f"some.template{number}" for number in range(TEMPLATES)]
    kinds = {
        "the version in use, first time": ids,
        "the version in use, again": ids,
        "an exact version, first time": [f"{each}@{registry.versions(each)[0]}" for each in ids],
        "a range, first time": [f"{each}@^1.0" for each in ids],
    }
    took: dict[str, float] = {}
    for kind, references in kinds.items():
        took[kind] = seconds(lambda references=references: [registry.get(each) for each in references])
    return statistics.median(loads), {kind: spent * 1e6 / TEMPLATES for kind, spent in took.items()}


def main() -> None:
    """Measure, print, and write the page."""
    own, other = rendering()
    with tempfile.TemporaryDirectory() as folder:
        load_s, lookups = looking_up(Path(folder))
    lines = [
        "# Prompts",
        "",
        f"Python {platform.python_version()}, {os.cpu_count()} cores; time of the processor. This page is made by "
        "`python -m benchmarks.prompts`.",
        "",
        f"## {RENDERINGS:,} prompts of the shipped template, with 4 kB of context (median of {ROUNDS} rounds, in turn)",
        "",
        "| | ms per prompt | ratio |",
        "|---|---|---|",
        f"| Jinja's sandbox alone | {other:.3f} | 1.00 |",
        f"| agentic-prefect | {own:.3f} | {own / other:.2f} (allowed: {ALLOWED_RATIO}) |",
        "",
        f"## A registry of {TEMPLATES:,} template files",
        "",
        f"Loaded in {load_s:.3f} s (median of 5; allowed: {ALLOWED_LOAD_S}).",
        "",
        "| looked up | µs |",
        "|---|---|",
        *(f"| {kind} | {spent:.2f} |" for kind, spent in lookups.items()),
    ]
    page = "\n".join(lines) + "\n"
    print(page)
    RESULTS.write_text(page)


if __name__ == "__main__":
    main()
