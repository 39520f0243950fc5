"""A Prefect installation of several processes on this machine: PostgreSQL, Redis, API servers, services and workers."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

START_TIMEOUT_S = 240.0
POSTGRES_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
POOL = "load"
BATCHES = {
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
}
QUIET = {
    "DO_NOT_TRACK": "1",
    "NO_PROXY": "127.0.0.1,localhost",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    "PREFECT_WORKER_QUERY_SECONDS": "2",
    "PREFECT_SERVER_UI_ENABLED": "false",
}


@dataclass
class Cluster:
    """What was started."""

    api_urls: Sequence[str]
    environment: Mapping[str, str]
    """Of whoever talks to the first API server."""
    servers: list[int] = field(default_factory=list[int])
    """Process groups of the API servers and the services."""

    def server_cpu_s(self) -> float:
        """Seconds of processor time that the API servers and the services have taken so far."""
        return sum(_cpu_s(group) for group in self.servers)


def lacking() -> str:
    """What is not installed here; empty when nothing is."""
    found = {
        "PostgreSQL (Debian: postgresql)": bool(POSTGRES_FOLDERS),
        "Redis (Debian: redis-server)": shutil.which("redis-server") is not None,
        "prefect-redis (the extra `redis`)": find_spec("prefect_redis") is not None,
        "a user `postgres`, or not to be root": os.geteuid() != 0 or shutil.which("runuser") is not None,
    }
    return ", ".join(name for name, is_there in found.items() if not is_there)


@contextmanager
def cluster(*, api_servers: int, workers: int, environment: Mapping[str, str], batches: bool) -> Iterator[Cluster]:
    """Start everything, and end it afterwards.

    Args:
        api_servers: How many.
        workers: How many, on one work pool.
        environment: What the runs need besides.
        batches: Whether the recorder of task runs writes in batches.
    """
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        database = stack.enter_context(_postgres(folder))
        redis = stack.enter_context(_redis(folder))
        own = {key: value for key, value in os.environ.items() if not key.startswith(("PREFECT_", "OPENAI_"))}
        server = {
            **own,
            **QUIET,
            **(BATCHES if batches else {}),
            "PREFECT_HOME": str(folder / "server"),
            "PREFECT_API_DATABASE_CONNECTION_URL": database,
            "PREFECT_API_DATABASE_MIGRATE_ON_START": "false",
            # Two API servers that register block types at the same moment run into each other, and one of them ends.
            "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
            "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
            "PREFECT_MESSAGING_CACHE": "prefect_redis.messaging",
            "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
            "PREFECT_REDIS_MESSAGING_HOST": "127.0.0.1",
            "PREFECT_REDIS_MESSAGING_PORT": str(redis),
            "PREFECT_SERVER_DOCKET_URL": f"redis://127.0.0.1:{redis}/1",
        }
        prefect = [sys.executable, "-m", "prefect", "--no-prompt"]
        subprocess.run([*prefect, "server", "database", "upgrade", "-y"], env=server, check=True, capture_output=True)
        ports = [free_port() for _ in range(api_servers)]
        groups = [
            stack.enter_context(
                _process(
                    [*prefect, "server", "start", "--no-services", "--port", str(port)], server, folder, f"api{port}"
                )
            )
            for port in ports
        ]
        groups.append(
            stack.enter_context(_process([*prefect, "server", "services", "start"], server, folder, "services"))
        )
        urls = [f"http://127.0.0.1:{port}/api" for port in ports]
        for url, group in zip(urls, groups, strict=False):
            _wait_for(f"{url}/health", folder, group)
        client = {**own, **QUIET, **environment, "PREFECT_HOME": str(folder / "client"), "PREFECT_API_URL": urls[0]}
        subprocess.run(
            [*prefect, "work-pool", "create", POOL, "--type", "process"], env=client, check=True, capture_output=True
        )
        for number in range(workers):
            # The workers are spread over the API servers.
            there = {**client, "PREFECT_API_URL": urls[number % len(urls)]}
            command = [*prefect, "worker", "start", "--pool", POOL, "--type", "process", "--limit", "2"]
            stack.enter_context(_process(command, there, folder, f"worker{number}"))
        yield Cluster(urls, client, groups)


@contextmanager
def _postgres(folder: Path) -> Iterator[str]:
    tools, data, port = POSTGRES_FOLDERS[-1], folder / "postgres", free_port()
    data.mkdir()
    as_user: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(data, "postgres", "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    initialise = [str(tools / "initdb"), "-D", str(data / "db"), "-A", "trust", "-U", "prefect"]
    subprocess.run([*as_user, *initialise], check=True, capture_output=True, cwd="/")
    options = ["-c", "fsync=off", "-c", f"unix_socket_directories={data}", "-c", "max_connections=200"]
    command = [*as_user, str(tools / "postgres"), "-D", str(data / "db"), "-p", str(port), "-h", "127.0.0.1", *options]
    with _process(command, dict(os.environ), folder, "postgres", cwd="/"):
        create = [str(tools / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", "prefect", "prefect"]
        deadline = time.monotonic() + START_TIMEOUT_S
        while subprocess.run(create, check=False, capture_output=True).returncode != 0:
            if time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {(folder / 'postgres.log').read_text()[-2000:]}")
            time.sleep(0.2)
        yield f"postgresql+asyncpg://prefect@127.0.0.1:{port}/prefect"


@contextmanager
def _redis(folder: Path) -> Iterator[int]:
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with _process(command, dict(os.environ), folder, "redis"):
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if time.monotonic() > deadline:
                raise RuntimeError("Redis did not start")
            time.sleep(0.1)
        yield port


@contextmanager
def _process(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, name: str, *, cwd: str | None = None
) -> Iterator[int]:
    """A process in a group of its own while the body runs; gives the group."""
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=cwd or folder,
        )
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()


def free_port() -> int:
    """A loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str, folder: Path, group: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and not _has_ended(group):
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    logs = "\n".join(f"{path.name}: {path.read_text()[-1500:]}" for path in sorted(folder.glob("*.log")))
    raise RuntimeError(f"{url} did not answer within {START_TIMEOUT_S:g} s, or its process ended\n{logs}")


def _has_ended(pid: int) -> bool:
    """Whether a process of ours is gone, or waits for us to take note of it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _cpu_s(group: int) -> float:
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(fields[2]) == group:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
