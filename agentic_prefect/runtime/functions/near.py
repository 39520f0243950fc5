"""The near side: hands functions to a task runner and waits for them without holding up the run."""

import asyncio
import copy
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from contextvars import Context
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from prefect.context import FlowRunContext, SettingsContext, TaskRunContext
from prefect.flows import Flow
from prefect.results import ResultStore

from agentic_prefect.errors import ConnectionLost, PlanInvalid
from agentic_prefect.ports import Work
from agentic_prefect.runtime.functions.far import Parcel, call_far
from agentic_prefect.runtime.functions.places import Future, Place, Runner

ResultT = TypeVar("ResultT")


class FunctionLost(ConnectionLost):
    """The place where a function ran could not be reached, or broke under it. Trying again may help."""


@dataclass(slots=True)
class _Call:
    """A function that was handed over."""

    runner: Runner | None = None
    future: Future | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)
    """For the run, which waits for it."""
    ended: threading.Event = field(default_factory=threading.Event)
    """The same, for the thread that asks the task runner."""


class FunctionsElsewhere:
    """Runs functions in one place, which is started for the first of them and kept until `aclose`.

    Args:
        place: Where.
        allowed_packages: The packages whose functions a plan may call.
        redact: Regular expressions of what is masked in the functions' logs, too.
    """

    def __init__(self, place: Place, *, allowed_packages: Sequence[str], redact: Sequence[str] = ()) -> None:
        self._place, self._allowed, self._redact = place, tuple(allowed_packages), tuple(redact)
        self._runner: Runner | None = None
        self._starting: asyncio.Future[Runner] | None = None
        self._abandoned: list[_Call] = []
        # Task runners are neither async nor made for several threads at once: all that is asked of one is asked here.
        self._thread: ThreadPoolExecutor | None = None

    def check(self) -> None:
        """Look whether the place can be used here, and start nothing.

        Raises:
            PlanInvalid: It cannot; the message says what is missing.
        """
        self._place.check()

    async def call(self, work: Work) -> Any:
        """What the function of `work` returns, as JSON data.

        The time that the place takes to start is not the attempt's. Cancelled, the function is taken back or
        interrupted where that can be done; else it ends when the attempt's time is up there, and nobody hears of it.

        Raises:
            FunctionLost: The place could not be reached, or broke.
            PlanInvalid: It cannot be used here, or the function is not there.
            Exception: Whatever the function raises.
        """
        call, loop = _Call(), asyncio.get_running_loop()
        submit = self._submission(call, work, loop)
        try:
            if self._runner is None:
                with work.waiting(""):
                    await self._start()
            future = await self._in_thread(submit)
            await call.done.wait()
            # In a context of its own: Prefect's futures look for what the run around them is to do next.
            return await loop.run_in_executor(None, lambda: Context().run(self._outcome, future, work))
        except asyncio.CancelledError:
            self._abandon(call)
            raise
        except FunctionLost as lost:
            if isinstance(lost.__cause__, BrokenExecutor):  # it takes no more, and the next attempt gets a new one
                await self._in_thread(lambda: self._stop(call.runner))
            raise

    async def aclose(self) -> None:
        """End what was started. A function that nobody waits for is not waited for either."""
        thread = self._thread
        if thread is None:
            return
        await self._in_thread(lambda: self._stop(self._runner))
        self._thread = None
        thread.shutdown(wait=False)

    async def _start(self) -> None:
        """Have the place started. All that wait for it share how that goes: it may take long to find nothing there."""
        if self._starting is None:
            self._starting = self._in_thread(self._started)
            self._starting.add_done_callback(self._start_over)
        await asyncio.shield(self._starting)

    def _start_over(self, starting: asyncio.Future[Runner]) -> None:
        self._starting = None
        if not starting.cancelled():
            starting.exception()  # it is heard even if all that waited for it have been cancelled

    def _in_thread(self, do: Callable[[], ResultT]) -> asyncio.Future[ResultT]:
        self._thread = self._thread or ThreadPoolExecutor(1, thread_name_prefix="agentic-functions")
        return asyncio.get_running_loop().run_in_executor(self._thread, do)

    # In the thread

    def _started(self) -> Runner:
        if self._runner is None:
            try:
                self._runner = self._place.start()
            except OSError as error:
                raise FunctionLost(f"Functions run on {self._place.name}, which cannot be reached: {error}") from error
        return self._runner

    def _stop(self, runner: Runner | None) -> None:
        if runner is None or runner is not self._runner:
            return
        self._runner = None
        self._place.close(runner, at_work=[call.ended for call in self._abandoned if not call.ended.is_set()])
        self._abandoned.clear()

    def _submission(self, call: _Call, work: Work, loop: asyncio.AbstractEventLoop) -> Callable[[], Future]:
        """What hands the function over, in the contexts of this run and of nothing else."""
        contexts, prefect_task = _contexts(), _task_for(work)
        parameters = {
            "reference": work.task.call,
            "given": work.input,
            "allowed": self._allowed,
            "patterns": self._redact,
            "task_id": work.task_id,
            "timeout_s": work.timeout_s,
        }

        def submitted() -> Future:
            runner = call.runner = self._started()
            if hasattr(runner, "_cached_context"):
                # A process pool keeps the context of the first task for all that follow, which are of other runs.
                setattr(runner, "_cached_context", None)  # noqa: B010  # it is of that runner alone
            with ExitStack() as stack:
                for each in contexts:
                    stack.enter_context(each)
                future = call.future = runner.submit(prefect_task, parameters=parameters)
            future.add_done_callback(partial(_tell, loop, call))
            return future

        return lambda: Context().run(submitted)

    def _abandon(self, call: _Call) -> None:
        def abandoned() -> None:
            if call.future is not None and not call.ended.is_set():
                self._abandoned.append(call)
                with suppress(OSError, RuntimeError):  # what cannot be reached any more need not be stopped
                    self._place.cancel(call.future)

        # One thread: this comes after the submission, if that is under way.
        self._in_thread(abandoned)

    def _outcome(self, future: Future, work: Work) -> Any:
        try:
            return future.result()
        except Parcel as parcel:
            raise parcel.opened() from None
        except TimeoutError:
            raise
        except ImportError as error:
            raise PlanInvalid(
                f"The function {work.task.call!r} cannot run on {self._place.name}: {error}. "
                f"Install what the plan calls there, and agentic-prefect."
            ) from error
        except BaseException as error:  # such as an exit, which is the function's process's own and not ours
            raise FunctionLost(self._lost(work, error)) from error

    def _lost(self, work: Work, error: BaseException) -> str:
        said = f"{type(error).__name__}: {error}".rstrip(": ")
        return f"The function {work.task.call!r} did not come back from {self._place.name} ({said})."


def _tell(loop: asyncio.AbstractEventLoop, call: _Call, _: Future) -> None:
    call.ended.set()
    with suppress(RuntimeError):  # the run is over, and its loop closed
        loop.call_soon_threadsafe(call.done.set)


def _nothing() -> None:
    """What the flow does that stands for the run's own elsewhere."""


_STANDING_IN = Flow(_nothing, name="agentic-plan", persist_result=False)
"""Goes along in place of the run's flow, which may be somebody's own, with closures and a task runner that would be
started anew in each process."""


def _contexts() -> tuple[SettingsContext | FlowRunContext | TaskRunContext, ...]:
    """What a task runner takes along, so that what runs elsewhere is shown as a part of this task.

    No parameters are in it, no storage, and nothing of the run's own code.
    """
    settings, flow_run, task_run = SettingsContext.get(), FlowRunContext.get(), TaskRunContext.get()
    bare: dict[str, Any] = {"parameters": {}, "result_store": ResultStore()}
    found: list[SettingsContext | FlowRunContext | TaskRunContext] = [settings.model_copy()] if settings else []
    if flow_run is not None and flow_run.flow_run is not None:
        run = flow_run.flow_run.model_copy(update={"parameters": {}})
        found.append(flow_run.model_copy(update={**bare, "flow": _STANDING_IN, "flow_run": run}))
    if task_run is not None:
        found.append(task_run.model_copy(update={**bare, "task": call_far}))
    return tuple(found)


def _task_for(work: Work) -> Any:
    """The Prefect task that calls the function, under its name."""
    name = (work.task.call or "").partition(":")[2]
    configured = copy.copy(call_far)
    configured.name, configured.task_run_name = name, f"{name} ({work.task_id})"
    return configured
