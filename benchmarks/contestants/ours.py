"""agentic-prefect with its standard observers: the layered plan, or as many tasks as the second argument says."""

import asyncio
import sys

from agentic_prefect import Plan, PlanStatus, run_plan
from agentic_prefect.testing import make_plan
from benchmarks.contestants import LAYERS, WIDTH, runs_asked_for, timed

LAYERED = make_plan(
    *(
        {
            "id": f"t{layer}_{place}",
            "description": f"Answer question {place} of layer {layer}.",
            "depends_on": [f"t{layer - 1}_{other}" for other in range(WIDTH)] if layer else [],
        }
        for layer in range(LAYERS)
        for place in range(WIDTH)
    ),
    name="layered",
    defaults={"model": "openai/bench"},
    max_concurrency=WIDTH,
)


def flat(count: int) -> Plan:
    """A plan of so many independent tasks."""
    tasks = ({"id": f"t{place}", "description": f"Answer question {place}."} for place in range(count))
    return make_plan(*tasks, name="flat", defaults={"model": "openai/bench"}, max_concurrency=WIDTH)


async def main() -> None:
    """Run it."""
    plan = flat(int(sys.argv[2])) if len(sys.argv) > 2 else LAYERED

    async def work() -> None:
        result = await run_plan(plan)
        if result.status is not PlanStatus.COMPLETED:
            raise RuntimeError(result.reason)

    await timed(work, runs_asked_for())


if __name__ == "__main__":
    asyncio.run(main())
