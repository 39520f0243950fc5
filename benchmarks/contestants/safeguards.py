"""agentic-prefect with everything that keeps money safe, and without it.

With: results are stored, calls are checkpoints, a budget and the limits of a connection hold. Without: all of that is
taken out, so that nothing is left but the engine and the calls. Both in one process, in turn; a JSON line for each run.
"""

import asyncio
import gc
import json
import os
import time
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from agentic_prefect import Plan, PlanStatus, run_plan
from agentic_prefect.agents.runner import ModelRunner
from agentic_prefect.bootstrap.model_access import PaidRunner
from agentic_prefect.models.prompt import RenderedPrompt
from agentic_prefect.ports import Work
from agentic_prefect.runtime import work as work_module
from benchmarks.contestants import SETTLE_S, runs_asked_for
from benchmarks.contestants.ours import LAYERED

BUDGET = {"usd": 100.0, "tokens": 100_000_000, "calls": 1_000_000}
LIMITS = {"max_in_flight": 100, "requests_per_minute": 6_000_000, "tokens_per_minute": 600_000_000}


async def _unpaid(runner: Any, prompt: RenderedPrompt, work: Work) -> Any:
    """The model's answer, of which nobody keeps account."""
    return await ModelRunner(runner._directory).run(prompt, work)


async def once(plan: Plan, *, bare: bool) -> dict[str, Any]:
    """One run, and what it took."""
    with ExitStack() as stack:
        if bare:
            stack.enter_context(patch.object(work_module, "content_key", lambda *_, **__: None))
            stack.enter_context(patch.object(PaidRunner, "run", _unpaid))
        gc.collect()  # otherwise one of the two pays for what the other has left behind
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        result = await run_plan(plan)
        wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    if result.status is not PlanStatus.COMPLETED:
        raise RuntimeError(result.reason)
    return {"bare": bare, "wall_s": wall_s, "cpu_s": cpu_s}


async def main() -> None:
    """Run the pairs."""
    house = {"base_url": os.environ["OPENAI_BASE_URL"], "model": "bench"}
    content = {**LAYERED.model_dump(mode="json", exclude_unset=True), "defaults": {"model": "house"}}
    bare = Plan.model_validate({**content, "models": {"house": house}})
    safe = Plan.model_validate({**content, "models": {"house": {**house, **LIMITS}}, "budget": BUDGET})
    for number in range(runs_asked_for() + 1):
        # What runs second finds a busier server, so each is first as often as the other.
        for plan in (bare, safe) if number % 2 else (safe, bare):
            await asyncio.sleep(SETTLE_S)
            figures = await once(plan, bare=plan is bare)
            if number:  # the first pair warms up
                print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
