"""`python -m benchmarks.sqlite`: many clients write to a server on SQLite; writes `benchmarks/results/sqlite.md`.

`prefect server start` and `agentic_prefect.hosting.server` in turn, each with a database of its own. Schedules are
switched, runs made and taken through their states, and runs read, by clients that do not ask again.
"""

import asyncio
import platform
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks.servers import PrefectServer

RESULTS: Final = Path(__file__).parent / "results" / "sqlite.md"
SECONDS: Final = 25.0
SETTLE_S: Final = 5.0
"""After its start a server is busy with itself for a while."""
ASKED_AGAIN: Final = 60
SWITCHES, MAKERS, READERS = 2, 4, 2
SERVERS: Final = {
    "`prefect server start`": ("prefect", "server", "start"),
    "`agentic_prefect.hosting.server`": ("agentic_prefect.hosting.server",),
}

HEAD: Final = (
    "| server | writes done | writes not done | reads | wait of a write (median) | (most) |",
    "|---|---|---|---|---|---|",
)


class Clients:
    """Those that write and read at once, and what they were answered."""

    def __init__(self, api: httpx.AsyncClient) -> None:
        self._api = api
        self._until = time.monotonic() + SECONDS
        self.writes: Counter[str] = Counter()
        self.reads: Counter[str] = Counter()
        self.waits_s: list[float] = []

    async def all_at_once(self) -> None:
        """Go on until the time is over."""
        flow = await self._made("/flows/", name="benchmark")
        deployment = await self._made("/deployments/", flow_id=flow["id"], name="benchmark")
        schedules = f"/deployments/{deployment['id']}/schedules"
        (schedule,) = await self._made(schedules, [{"active": True, "schedule": {"interval": 3600}}])
        async with asyncio.TaskGroup() as clients:
            for _ in range(SWITCHES):
                clients.create_task(self._switch(f"{schedules}/{schedule['id']}"))
            for _ in range(MAKERS):
                clients.create_task(self._make(flow["id"], deployment["id"]))
            for _ in range(READERS):
                clients.create_task(self._read())

    async def _switch(self, schedule: str) -> None:
        active = True
        while self._goes_on:
            active = not active
            await self._write("PATCH", schedule, {"active": active})

    async def _make(self, flow: str, deployment: str) -> None:
        while self._goes_on:
            run = await self._write("POST", "/flow_runs/", {"flow_id": flow, "state": {"type": "PENDING"}})
            for state in ("RUNNING", "COMPLETED") if run else ():
                await self._write("POST", f"/flow_runs/{run['id']}/set_state", {"state": {"type": state}})
            await self._write("POST", f"/deployments/{deployment}/create_flow_run", {})

    async def _read(self) -> None:
        while self._goes_on:
            await self._ask("POST", "/flow_runs/filter", {"limit": 20}, self.reads)

    @property
    def _goes_on(self) -> bool:
        return time.monotonic() < self._until

    async def _write(self, method: str, path: str, content: Any) -> Any:
        began = time.monotonic()
        answer = await self._ask(method, path, content, self.writes)
        self.waits_s.append(time.monotonic() - began)
        return answer

    async def _ask(self, method: str, path: str, content: Any, outcomes: Counter[str]) -> Any:
        try:
            answer = await self._api.request(method, path, json=content)
        except httpx.TransportError:
            outcomes["broken off"] += 1
            return None
        outcomes["answered" if answer.is_success else f"× {answer.status_code}"] += 1
        return answer.json() if answer.is_success and answer.content else None

    async def _made(self, path: str, content: Any = None, **fields: Any) -> Any:
        for _ in range(ASKED_AGAIN):
            answer = await self._api.post(path, json=content or fields)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return answer.raise_for_status().json()
            await asyncio.sleep(0.5)
        raise RuntimeError(f"The server refused {path} {ASKED_AGAIN} times.")


async def measure(api_url: str) -> Clients:
    """What the clients of one server were answered."""
    await asyncio.sleep(SETTLE_S)
    async with httpx.AsyncClient(base_url=api_url, timeout=120) as api:
        clients = Clients(api)
        await clients.all_at_once()
        return clients


def figures(seen: Clients) -> list[str]:
    """A row of the table."""
    refused = ", ".join(f"{count} {kind}" for kind, count in seen.writes.items() if kind != "answered")
    waits = f"{statistics.median(seen.waits_s):.2f} s", f"{max(seen.waits_s):.1f} s"
    return [str(seen.writes["answered"]), refused or "none", str(seen.reads["answered"]), *waits]


def main() -> None:
    """Measure both, and write the table."""
    rows: list[str] = []
    for name, command in SERVERS.items():
        with tempfile.TemporaryDirectory() as folder, PrefectServer(Path(folder), command) as server:
            seen = asyncio.run(measure(server.api_url))
        rows.append(f"| {name} | {' | '.join(figures(seen))} |")
    title = (
        f"{time.strftime('%Y-%m-%d')}, Python {platform.python_version()}: {SWITCHES} clients switch a schedule, "
        f"{MAKERS} make runs and take them through their states, {READERS} read, for {SECONDS:g} s; none asks again."
    )
    text = "\n".join(["# Many clients on one SQLite", "", title, "", *HEAD, *rows, ""])
    RESULTS.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
