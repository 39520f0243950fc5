"""The places that `functions_on` can name, each with the task runner that stands for it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from threading import Event, Lock
from time import monotonic
from typing import Any, Protocol, cast

from prefect.futures import PrefectFuture
from prefect.task_runners import PrefectTaskRunner, ProcessPoolTaskRunner, TaskRunner

from agentic_prefect.agents.importing import import_object
from agentic_prefect.errors import PlanInvalid
from agentic_prefect.runtime.functions.far import end_work_when_told

GRACE_S = 5.0
"""How long a function that was told to end has for it, such as one within a long call of a C library."""

Runner = TaskRunner[Any]
Future = PrefectFuture[Any]

_ray_lock = Lock()
_ray_in_use: list[Runner] = []
_ray_left: list[Runner] = []
"""Task runners that are not used any more, and that are ended once no other is."""


class Place(Protocol):
    """Where functions run."""

    @property
    def name(self) -> str:
        """As messages call it: "Dask at tcp://scheduler:8786"."""
        ...

    def check(self) -> None:
        """Raise `PlanInvalid` where it cannot be used here. Starts nothing."""
        ...

    def start(self) -> Runner:
        """A task runner that takes work."""
        ...

    def cancel(self, future: Future) -> None:
        """Stop a function that nobody waits for any more, as far as this can be done here."""
        ...

    def close(self, runner: Runner, *, at_work: Sequence[Event]) -> None:
        """End what `start` began.

        Args:
            runner: What `start` gave.
            at_work: One for each function that nobody waits for any more and that still runs; set when it has ended.
        """
        ...


@dataclass(frozen=True, slots=True)
class Processes:
    """A pool of processes on this machine, as many as it has processors."""

    @property
    def name(self) -> str:
        """As messages call it."""
        return "a process of its own"

    def check(self) -> None:
        """It is always there."""

    def start(self) -> Runner:
        """The pool; a process starts with the first function that needs it."""
        return ProcessPoolTaskRunner(initializer=end_work_when_told).__enter__()

    def cancel(self, future: Future) -> None:
        """Only what waits for a process can be taken back."""
        _cancel_wrapped(future)

    def close(self, runner: Runner, *, at_work: Sequence[Event]) -> None:
        """End the processes."""
        if at_work:
            # A pool waits for what it has begun, be it for hours, and offers no way to end that before Python 3.14.
            executor: Any = getattr(runner, "_executor", None)
            known: dict[int, Any] = getattr(executor, "_processes", None) or {}
            processes = list(known.values())
            for process in processes:
                process.terminate()
            until = monotonic() + GRACE_S
            if not all(ended.wait(max(0.0, until - monotonic())) for ended in at_work):
                for process in processes:
                    process.kill()
        # A process that died may have held the queue's lock; this process, when it ends, would wait for it for ever.
        queue: Any = getattr(runner, "_subprocess_message_queue", None)
        if queue is not None:
            queue.cancel_join_thread()
        runner.__exit__(None, None, None)


@dataclass(frozen=True, slots=True)
class Dask:
    """A Dask cluster: the one at an address, else one of this machine's processes for the length of a run."""

    address: str = ""

    @property
    def name(self) -> str:
        """As messages call it."""
        return f"Dask at {self.address}" if self.address else "Dask"

    def check(self) -> None:
        """The extra must be installed."""
        _require("prefect_dask", "prefect-dask", "dask")

    def start(self) -> Runner:
        """The cluster, its processes started, or a client of the one that is there."""
        self.check()
        make: Any = _extra("prefect_dask").DaskTaskRunner
        if self.address:
            return _with_client(make(address=self.address))
        # A cluster that lasts for one run has nothing to tell of its coming and going, in dozens of lines.
        logging.getLogger("distributed").setLevel(logging.WARNING)
        # One thread in each process, since two would wait for each other's lock; any port, since several may run.
        local = {"threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
        quiet = {"DASK_LOGGING__DISTRIBUTED": "warning"}
        with _extra("dask.config").set({"distributed.nanny.pre-spawn-environ": quiet}):
            return _with_client(make(cluster_kwargs=local))

    def cancel(self, future: Future) -> None:
        """What waits is taken back; what runs is let run until its own time is up."""
        _cancel_wrapped(future)

    def close(self, runner: Runner, *, at_work: Sequence[Event]) -> None:
        """Leave the cluster; the one of this run ends, with all that it does."""
        runner.__exit__(None, None, None)


@dataclass(frozen=True, slots=True)
class Ray:
    """A Ray cluster: the one at an address, else one on this machine for the length of a run."""

    address: str = ""

    @property
    def name(self) -> str:
        """As messages call it."""
        return f"Ray at {self.address}" if self.address else "Ray"

    def check(self) -> None:
        """The extra must be installed."""
        _require("prefect_ray", "prefect-ray", "ray")

    def start(self) -> Runner:
        """The cluster, started or joined."""
        self.check()
        make: Any = _extra("prefect_ray").RayTaskRunner
        local = {"include_dashboard": False}
        runner: Runner = make(address=self.address) if self.address else make(init_kwargs=local)
        with _ray_lock:
            _ray_in_use.append(runner.__enter__())
        return runner

    def cancel(self, future: Future) -> None:
        """What waits is taken back, and what runs is interrupted."""
        _extra("ray").cancel(getattr(future, "wrapped_future"))  # noqa: B009  # not every future has it

    def close(self, runner: Runner, *, at_work: Sequence[Event]) -> None:
        """Leave the cluster; the one of this run ends, with all that it does.

        Ray is there once for all of a process, and the task runner that began it would end it for all others.
        """
        with _ray_lock:
            _ray_in_use.remove(runner)
            _ray_left.append(runner)
            while _ray_left and not _ray_in_use:
                _ray_left.pop().__exit__(None, None, None)


@dataclass(frozen=True, slots=True)
class Own:
    """A task runner that somebody made: an instance, or a class or function that gives one."""

    reference: str
    allowed_packages: Sequence[str]

    @property
    def name(self) -> str:
        """As messages call it."""
        return f"the task runner {self.reference!r}"

    def check(self) -> None:
        """It must be there, allowed, and a task runner."""
        self._made()

    def start(self) -> Runner:
        """One of its kind, for this run alone, as Prefect does for flows."""
        return self._made().duplicate().__enter__()

    def cancel(self, future: Future) -> None:
        """As far as its futures can be cancelled."""
        _cancel_wrapped(future)

    def close(self, runner: Runner, *, at_work: Sequence[Event]) -> None:
        """End it."""
        runner.__exit__(None, None, None)

    def _made(self) -> Runner:
        found = import_object(self.reference, self.allowed_packages)
        made = found() if callable(found) else found
        if not isinstance(made, TaskRunner):
            raise PlanInvalid(
                f"functions_on is {self.reference!r}, which is {type(made).__name__!r} and no Prefect task runner. "
                f"Name a `TaskRunner`, or a class or function without parameters that gives one."
            )
        if isinstance(made, PrefectTaskRunner):
            raise PlanInvalid(
                f"functions_on is {self.reference!r}, and Prefect's task workers only do tasks that they serve. "
                f"Name a task runner that takes any task, such as `DaskTaskRunner`."
            )
        return cast("Runner", made)


def place_of(functions_on: str, allowed_packages: Sequence[str]) -> Place | None:
    """The place that the setting `functions_on` names; `None` is a thread of the run's own process.

    Args:
        functions_on: `threads`, `processes`, `dask`, `dask:ADDRESS`, `ray`, `ray:ADDRESS`, or `package.module:name`.
        allowed_packages: Where a task runner of somebody's own may come from.
    """
    kind, _, address = functions_on.partition(":")
    match kind:
        case "threads":
            return None
        case "processes":
            return Processes()
        case "dask":
            return Dask(address)
        case "ray":
            return Ray(address)
        case _:
            return Own(functions_on, tuple(allowed_packages))


def _with_client(runner: Runner) -> Runner:
    """A Dask task runner, started. It makes its client on first use, which would be in the first function's time."""
    runner.__enter__()
    try:
        _ = cast("Any", runner).client
    except BaseException:
        runner.__exit__(None, None, None)
        raise
    return runner


def _extra(module: str) -> Any:
    return import_module(module)  # only where it is asked for: it need not be installed


def _require(module: str, package: str, extra: str) -> None:
    if find_spec(module) is None:
        raise PlanInvalid(
            f"functions_on is `{extra}`, and {package} is not installed: pip install 'agentic-prefect[{extra}]'"
        )


def _cancel_wrapped(future: Future) -> None:
    wrapped: Any = getattr(future, "wrapped_future", None)
    cancel = getattr(wrapped, "cancel", None)
    if callable(cancel):
        cancel()
