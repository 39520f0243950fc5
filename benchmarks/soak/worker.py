"""The process that runs the plans: `python -m benchmarks.soak.worker FOLDER LAYERS WIDTH PLAN...`.

It writes down the id of each run when it starts and its result when it has ended, so that another process can go on
with those that had not: a plan that was started before is gone on with.
"""

import asyncio
import sys
from pathlib import Path

from agentic_prefect import RunOptions, run_plan
from agentic_prefect.bootstrap.recorded import bury, find
from agentic_prefect.models.events import Event, PlanStarted
from benchmarks.soak.workload import Size, plan_of


class Starts:
    """Writes down the id of a run."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def on_event(self, event: Event) -> None:
        """The first event of a run has its id."""
        if isinstance(event, PlanStarted):
            self._file.write_text(event.run_id, encoding="utf-8")


async def one(name: str, size: Size, folder: Path) -> None:
    """Run a plan, or go on with it."""
    started, ended = folder / f"{name}.run", folder / f"{name}.json"
    before = started.read_text(encoding="utf-8") if started.exists() else ""
    if before:
        await bury(await find(before), "another process goes on with it")
    options = RunOptions(observers=[Starts(started)], resume=before)
    result = await run_plan(plan_of(name, size), options=options)
    ended.write_text(result.model_dump_json(), encoding="utf-8")


async def main() -> None:
    """Run all of them at once."""
    folder, layers, width, *names = sys.argv[1:]
    size = Size(int(layers), int(width))
    left = [name for name in names if not (Path(folder) / f"{name}.json").exists()]
    await asyncio.gather(*(one(name, size, Path(folder)) for name in left))


if __name__ == "__main__":
    asyncio.run(main())
