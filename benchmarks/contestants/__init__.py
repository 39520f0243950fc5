"""The same work done by different engines. Each module is a program: it warms up, then prints seconds per run."""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable

LAYERS = 10
WIDTH = 10
SETTLE_S = 4.0
"""How long is waited before each run: Prefect's server still records the run before, and answers 503 meanwhile, which
costs whoever comes too early the two seconds after which the client asks again."""


async def timed(work: Callable[[], Awaitable[object]], runs: int) -> None:
    """Do the work once to warm up and `runs` times for the record; print one JSON line a run.

    Peak memory is that of the whole process so far, in MiB.
    """
    await work()
    for _ in range(runs):
        await asyncio.sleep(SETTLE_S)
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        await work()
        wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"wall_s": wall_s, "cpu_s": cpu_s, "peak_mib": peak_mib}), flush=True)


def runs_asked_for() -> int:
    """How many runs the caller wants, its first argument."""
    return int(sys.argv[1]) if len(sys.argv) > 1 else 3
