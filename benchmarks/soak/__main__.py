"""`python -m benchmarks.soak [--plans N] [--faults RATIO] [--seed N] [--calm]`: a soak, and what came of it.

Twenty plans of fifty tasks run at once, and a tenth of all answers are faults. Unless it is to be calm, the Prefect
server is killed twice and the process that runs the plans once, and both are started again. In the end the status of
each plan and each task, and the number of requests for each task, must be what the answers make of them, and the server
must know it.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from agentic_prefect import PlanResult
from agentic_prefect.testing import ScriptedServer
from benchmarks.servers import PrefectServer
from benchmarks.soak.oracle import Expected, Past, expected, past_of
from benchmarks.soak.workload import Provider, Size

PATIENCE_S = 900.0
QUIET_S = 2.0
"""After so long without a request nobody but those that wait for an answer is left."""


@dataclass(slots=True)
class Soak:
    """What happens, and what has to come of it."""

    names: tuple[str, ...]
    size: Size
    provider: Provider
    folder: Path
    environment: dict[str, str]
    pasts: dict[str, dict[str, Past]] = field(default_factory=dict[str, dict[str, Past]])
    started_at: float = field(default_factory=time.monotonic)

    def tell(self, text: str) -> None:
        """One line of the transcript."""
        print(f"{time.monotonic() - self.started_at:6.1f} s  {text}", flush=True)

    @property
    def answered(self) -> int:
        """How many requests were answered so far."""
        return sum(self.provider.answered.values())

    def results(self) -> dict[str, PlanResult]:
        """What became of the plans that have ended."""
        files = {name: self.folder / f"{name}.json" for name in self.names}
        return {name: PlanResult.model_validate_json(file.read_text()) for name, file in files.items() if file.exists()}

    def expectations(self) -> dict[str, Expected]:
        """How each plan has to end, as far as is known by now."""
        return {name: expected(name, self.size, self.provider, self.pasts.get(name)) for name in self.names}

    def start(self) -> "subprocess.Popen[str]":
        """The process that runs the plans."""
        command = [sys.executable, "-m", "benchmarks.soak.worker", str(self.folder)]
        command += [str(self.size.layers), str(self.size.width), *self.names]
        return subprocess.Popen(command, env=self.environment, stderr=subprocess.PIPE, text=True)

    def wait_for_answers(self, count: int, process: "subprocess.Popen[str]") -> None:
        """Wait until so many requests were answered, or all is done."""
        deadline = time.monotonic() + PATIENCE_S
        while self.answered < count and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)

    def kill(self, process: "subprocess.Popen[str]") -> None:
        """Kill the process, while no answer is on its way; what was answered must not be asked again."""
        self.provider.is_closed = True
        last, since = -1, time.monotonic()
        while time.monotonic() - since < QUIET_S:
            if self.answered != last:
                last, since = self.answered, time.monotonic()
            time.sleep(0.05)
        process.kill()
        process.communicate()
        ended = {name for name in self.names if (self.folder / f"{name}.json").exists()}
        for name in set(self.names) - ended:
            tasks = [mark.partition(".")[2] for mark in self.provider.answered if mark.startswith(f"{name}.")]
            self.pasts[name] = {
                task: past_of(name, task, self.provider, self.provider.answered[f"{name}.{task}"]) for task in tasks
            }
        self.provider.is_closed = False
        how_far = f"{len(ended)} of {len(self.names)} plans had ended"
        self.tell(f"killed the process after {self.answered} answers; {how_far}")


def problems(soak: Soak, results: dict[str, PlanResult], states: dict[str, str]) -> Iterator[str]:
    """Everything that is not as it has to be."""
    for name, wanted in soak.expectations().items():
        result = results.get(name)
        if result is None:
            yield f"{name}: it left no result"
            continue
        if result.status.value != wanted.status:
            yield f"{name}: {result.status.value}, must be {wanted.status} ({result.reason})"
        seen = {task: each.status.value for task, each in result.results.items() if task in wanted.statuses}
        for task, status in wanted.statuses.items():
            if seen.get(task) != status:
                yield f"{name}.{task}: {seen.get(task)}, must be {status}"
        asked = {task: count for task in wanted.asked if (count := soak.provider.answered[f"{name}.{task}"])}
        for task in sorted({*wanted.asked, *asked}):
            if asked.get(task, 0) != wanted.asked.get(task, 0):
                yield f"{name}.{task}: asked {asked.get(task, 0)} times, must be {wanted.asked.get(task, 0)}"
        known = {"completed": "COMPLETED"}.get(wanted.status, "FAILED")
        if states.get(name) != known:
            yield f"{name}: the server has it as {states.get(name)}, must be {known}"


def states_of(results: dict[str, PlanResult], api_url: str) -> dict[str, str]:
    """What the server knows of each run."""
    with httpx.Client(base_url=api_url, timeout=30) as client:
        return {name: client.get(f"/flow_runs/{each.run_id}").json()["state_type"] for name, each in results.items()}


def run(soak: Soak, server: PrefectServer, *, calm: bool) -> None:
    """Everything that happens."""
    whole = sum(sum(each.asked.values()) for each in soak.expectations().values())
    soak.tell(f"{len(soak.names)} plans of {soak.size.tasks} tasks, {whole} requests are due")
    process = soak.start()
    if not calm:
        soak.wait_for_answers(whole // 5, process)
        server.kill()
        soak.tell(f"killed the Prefect server after {soak.answered} answers")
        server.start()
        soak.tell(f"the Prefect server is back; {soak.answered} answers by now")
        soak.wait_for_answers(whole // 2, process)
        soak.kill(process)
        process = soak.start()
        soak.wait_for_answers(whole * 3 // 4, process)
        server.kill()
        soak.tell(f"killed the Prefect server after {soak.answered} answers")
        server.start()
        soak.tell(f"the Prefect server is back; {soak.answered} answers by now")
    _, said = process.communicate(timeout=PATIENCE_S)
    soak.tell(f"the process ended with exit code {process.returncode}, {soak.answered} requests were answered")
    if process.returncode:
        print(said[-3000:])


@contextmanager
def soaking(arguments: Any, size: Size) -> Iterator[tuple[Soak, PrefectServer]]:
    """The servers, and a soak that is ready to begin."""
    provider = Provider(arguments.seed, arguments.faults)
    names = tuple(f"p{number:02}" for number in range(arguments.plans))
    with tempfile.TemporaryDirectory() as folder, ScriptedServer() as model, PrefectServer(Path(folder)) as server:
        model.answer_by_default(provider)
        environment = {**server.environment, "OPENAI_API_KEY": "sk-soak", "OPENAI_BASE_URL": model.base_url}
        yield Soak(names, size, provider, Path(folder), environment), server


def main() -> int:
    """Soak, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--plans", type=int, default=20)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--width", type=int, default=10)
    parser.add_argument("--faults", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--calm", action="store_true")
    arguments = parser.parse_args()
    size = Size(arguments.layers, arguments.width)
    with soaking(arguments, size) as (soak, server):
        run(soak, server, calm=arguments.calm)
        results = soak.results()
        found = list(problems(soak, results, states_of(results, server.api_url)))
    answers = Counter(
        soak.provider.answer_to(mark, number)
        for mark, count in soak.provider.answered.items()
        for number in range(count)
    )
    statuses = Counter(each.status.value for each in results.values())
    tasks = Counter(task.status.value for each in results.values() for task in each.results.values())
    print(f"answers: {', '.join(f'{count} {answer}' for answer, count in answers.most_common())}")
    print(f"plans: {', '.join(f'{count} {status}' for status, count in statuses.most_common())}")
    print(f"tasks: {', '.join(f'{count} {status}' for status, count in tasks.most_common())}")
    print("everything is as it has to be" if not found else "\n".join(found[:50]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
