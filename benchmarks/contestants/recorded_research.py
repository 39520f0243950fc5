"""The recorded research run, its seconds scaled: how much longer than its longest chain of calls the plan takes.

The second argument is the folder of the recorded run.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from agentic_prefect import PlanStatus, run_plan
from agentic_prefect.testing import ScriptedServer
from benchmarks.contestants import SETTLE_S, runs_asked_for
from tests.workloads.research import calls_in, plan_of, script

SCALE = 1 / 20
"""The recorded seconds are replayed this much faster."""


async def main() -> None:
    """Run it once to warm up, and then as often as asked for."""
    calls = calls_in(Path(sys.argv[2]))
    slowest = max(call["seconds"] for call in calls[1:-1])
    critical_s = (calls[0]["seconds"] + slowest + calls[-1]["seconds"]) * SCALE
    with ScriptedServer() as server:
        os.environ["OPENAI_BASE_URL"] = server.base_url
        script(server, calls, scale=SCALE)
        for number in range(runs_asked_for() + 1):
            await asyncio.sleep(SETTLE_S)
            result = await run_plan(plan_of(calls), {"query": calls[0]["input"][0]["content"]})
            if result.status is not PlanStatus.COMPLETED:
                raise RuntimeError(result.reason)
            if number:
                print(json.dumps({"critical_s": critical_s, "over_s": (result.elapsed_s or 0.0) - critical_s}))


if __name__ == "__main__":
    asyncio.run(main())
