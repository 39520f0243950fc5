"""`python -m benchmarks [--quick]`: measures, prints a table and writes `benchmarks/results/latest.md`."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.servers import PLAN_FILE, requests_so_far, servers

WORKLOADS = Path(__file__).parents[2] / "shared" / "workloads"
RESULTS = Path(__file__).parent / "results" / "latest.md"
PACKAGES = ("prefect", "openai", "pydantic", "pydantic-ai-slim", "langgraph", "langgraph-checkpoint-sqlite")
CONTESTANTS = {
    "agentic-prefect": "ours",
    "bare Prefect tasks, no arrows": "bare_tasks",
    "Prefect by hand, persisted results": "by_hand",
    "pydantic-ai, PrefectDurability": "pydantic_ai_durable",
    "LangGraph, SQLite checkpointer": "langgraph_sqlite",
}


@dataclass(frozen=True)
class Figure:
    """The medians of one contestant's runs."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def measure(module: str, environment: dict[str, str], rounds: int, *arguments: str) -> list[Figure]:
    """Run a contestant; empty when what it needs is not installed."""
    command = [sys.executable, "-m", f"benchmarks.contestants.{module}", str(rounds), *arguments]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode:
        print(f"{module} was left out: {ended.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return []
    return [Figure(**json.loads(line)) for line in ended.stdout.splitlines() if line.startswith("{")]


def median(figures: list[Figure]) -> Figure:
    """Figure by figure."""
    return Figure(
        wall_s=statistics.median(each.wall_s for each in figures),
        cpu_s=statistics.median(each.cpu_s for each in figures),
        peak_mib=max(each.peak_mib for each in figures),
    )


def layered(environment: dict[str, str], sets: int) -> list[str]:
    """Ten layers of ten calls, the contestants in turn."""
    seen: dict[str, list[Figure]] = {name: [] for name in CONTESTANTS}
    for _ in range(sets):
        for name, module in CONTESTANTS.items():
            seen[name] += measure(module, environment, 3)
    ours = median(seen["agentic-prefect"])
    rows = ["| 10 x 10 calls | wall s | CPU s | ours / this, wall | ours / this, CPU |", "|---|---:|---:|---:|---:|"]
    for name, figures in seen.items():
        if figures:
            each = median(figures)
            ratios = f"{ours.wall_s / each.wall_s:.2f} | {ours.cpu_s / each.cpu_s:.2f}"
            rows.append(f"| {name} | {each.wall_s:.2f} | {each.cpu_s:.2f} | {ratios} |")
    return rows


def wide(environment: dict[str, str]) -> list[str]:
    """A hundred tasks, and a thousand."""
    rows = ["| independent tasks | ms per task, wall | ms per task, CPU | peak MiB |", "|---|---:|---:|---:|"]
    per_task: list[float] = []
    for count, rounds in ((100, 3), (1000, 1)):
        figure = median(measure("ours", environment, rounds, str(count)))
        per_task.append(figure.cpu_s / count)
        wall_ms, cpu_ms = figure.wall_s / count * 1000, figure.cpu_s / count * 1000
        rows.append(f"| {count:,} | {wall_ms:.1f} | {cpu_ms:.1f} | {figure.peak_mib:.0f} |")
    rows.append(f"\nA task of the thousand costs {per_task[1] / per_task[0]:.2f} times one of the hundred, in CPU.")
    return rows


def safeguards(environment: dict[str, str], pairs: int) -> list[str]:
    """What storing results, checkpoints, a budget and a limiter add to the layered plan."""
    command = [sys.executable, "-m", "benchmarks.contestants.safeguards", str(pairs)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    runs = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    rows = ["| 10 x 10 calls | without | with | more |", "|---|---:|---:|---:|"]
    for name, unit in (("wall_s", "wall"), ("cpu_s", "CPU")):
        for how, of in (("median", statistics.median), ("least", min)):
            without, with_them = (of([each[name] for each in runs if each["bare"] is bare]) for bare in (True, False))
            more = with_them / without - 1
            rows.append(f"| {unit}, {how} of {pairs}, s | {without:.2f} | {with_them:.2f} | {more:+.1%} |")
        both = zip(*([each[name] for each in runs if each["bare"] is bare] for bare in (True, False)), strict=True)
        more = statistics.median(with_them / without for without, with_them in both) - 1
        rows.append(f"| {unit}, within a pair, median | | | {more:+.1%} |")
    return ["Results stored, calls checkpointed, a budget and limits kept, and none of it:", "", *rows]


def makespan(environment: dict[str, str], rounds: int) -> list[str]:
    """A recorded plan against its longest chain of calls; empty where the recording is not at hand."""
    if not (WORKLOADS / "recorded_research.json").is_file():
        return []
    command = [sys.executable, "-m", "benchmarks.contestants.recorded_research", str(rounds), str(WORKLOADS)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    runs = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    over_s = [each["over_s"] for each in runs]
    return [
        "| recorded research, 12 calls | longest chain s | over it, median s | least s |",
        "|---|---:|---:|---:|",
        f"| seconds scaled | {runs[0]['critical_s']:.2f} | {statistics.median(over_s):.2f} | {min(over_s):.2f} |",
    ]


def start_up(environment: dict[str, str], rounds: int) -> list[str]:
    """From Enter to the help, and to the first request."""
    program = str(Path(sys.executable).with_name("agentic-prefect"))
    help_s = [_seconds([program, "--help"], environment) for _ in range(rounds)]
    first_s = [
        _first_request([program, "run", str(PLAN_FILE), "--model", "openai/bench", "-q"], environment)
        for _ in range(rounds)
    ]
    return [
        "| from Enter to | median s | least s |",
        "|---|---:|---:|",
        f"| `agentic-prefect --help` printed | {statistics.median(help_s):.2f} | {min(help_s):.2f} |",
        f"| the first request of `agentic-prefect run` | {statistics.median(first_s):.2f} | {min(first_s):.2f} |",
    ]


def _seconds(command: list[str], environment: dict[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def _first_request(command: list[str], environment: dict[str, str]) -> float:
    base_url = environment["OPENAI_BASE_URL"]
    before, started = requests_so_far(base_url), time.perf_counter()
    running = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while requests_so_far(base_url) == before and running.poll() is None:
        time.sleep(0.01)
    seconds = time.perf_counter() - started
    running.wait(timeout=60)
    return seconds


def machine() -> str:
    """What it was measured on."""
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {', '.join(found)}."


def main() -> None:
    """Measure everything."""
    quick = "--quick" in sys.argv
    with servers() as environment:
        parts = [
            # First, since a server that thousands of runs have just used is not what a person meets.
            start_up(environment, 3 if quick else 7),
            layered(environment, 1 if quick else 3),
            wide(environment),
            safeguards(environment, 3 if quick else 30),
            makespan(environment, 3 if quick else 9),
        ]
    text = "\n\n".join(["# Latest figures", machine(), *("\n".join(part) for part in parts if part)]) + "\n"
    print(text)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
