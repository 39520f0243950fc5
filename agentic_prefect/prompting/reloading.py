"""Keeps the templates of a registry in step with their sources, and the last good ones where a source is broken."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from agentic_prefect.prompting.errors import PromptError
from agentic_prefect.prompting.shelf import Held, Shelf
from agentic_prefect.prompting.sources import PromptSource

LOOK_EVERY_S: Final = 1.0
"""How often files are looked at, at most."""
LOOK_EVERY_SLOW_S: Final = 15.0
"""How often slow sources are looked at, at most."""

_log = logging.getLogger(__name__)

Check = Callable[[Shelf, Held], None]
"""Raises `PromptError` if a template that is new on a shelf, or one that uses it, cannot be used."""


@dataclass(slots=True)
class _Watched:
    source: PromptSource
    precedence: int
    seen: Mapping[str, str]
    """What the source had when its changes were taken over last."""
    looked_at_s: float
    latest: Mapping[str, str]
    """What it had when it was looked at last."""
    is_looking: bool = False
    fault: str = ""
    """Why it could not be looked at."""


class Reloading:
    """The sources of a registry.

    Args:
        clock_s: Gives a time that never goes back, in seconds.
    """

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._watched: list[_Watched] = []
        self._faults: dict[tuple[int, str], str] = {}
        self._told: dict[tuple[int, str], str] = {}
        """The last form of a template that the log was told is broken."""

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong with templates whose last good form is used, and with sources that cannot be looked at."""
        return (*self._faults.values(), *(watched.fault for watched in self._watched if watched.fault))

    def add(self, source: PromptSource, precedence: int, shelf: Shelf) -> tuple[Held, ...]:
        """Read everything in a source, for the first time; what was read, in the source's order.

        Raises:
            PromptError: The source, or a template in it, cannot be read. There is no good one yet.
        """
        seen = dict(source.look())
        held = tuple(_read(source, name, precedence) for name in seen)
        for each in held:
            shelf.put(each)
        self._watched.append(_Watched(source, precedence, seen, self._clock_s(), seen))
        return held

    def changed(self, shelf: Shelf, check: Check, *, at_once: bool = False) -> Shelf | None:
        """The shelf with what has changed in the sources; `None` when nothing has.

        A template that is broken now stays as it was, with a word in the log.

        Args:
            shelf: The shelf; it is not changed.
            check: Says whether a changed template can be used.
            at_once: Look at every source now, even if it has just been looked at, or is slow.
        """
        for watched in self._watched:
            self._look(watched, at_once=at_once)
        if all(watched.latest == watched.seen for watched in self._watched):
            return None
        new = shelf.copy()
        waiting: list[tuple[int, str]] = []
        for index, watched in enumerate(self._watched):
            for name in watched.seen.keys() - watched.latest.keys():
                new.take(watched.source, name)
                self._faults.pop((index, name), None)
            # What was broken may have been so for want of a template that is here now.
            waiting += [
                (index, name)
                for name, stamp in watched.latest.items()
                if watched.seen.get(name) != stamp or (index, name) in self._faults
            ]
            watched.seen = watched.latest
        return self._with(new, waiting, check)

    def _with(self, shelf: Shelf, waiting: list[tuple[int, str]], check: Check) -> Shelf:
        """The shelf with the templates that can be used. One may need another, so they are tried until none fits any
        more.
        """
        faults: dict[tuple[int, str], str] = {}
        is_going_on = True
        while waiting and is_going_on:
            is_going_on = False
            for key in list(waiting):
                watched, attempt = self._watched[key[0]], shelf.copy()
                try:
                    held = _read(watched.source, key[1], watched.precedence)
                    attempt.take(watched.source, key[1])
                    attempt.put(held)
                    check(attempt, held)
                except PromptError as error:
                    faults[key] = _told(key[1], error)
                    continue
                shelf, is_going_on = attempt, True
                waiting.remove(key)
        self._faults = {key: faults[key] for key in waiting}
        for key, fault in self._faults.items():
            form = self._watched[key[0]].seen.get(key[1], "")
            if self._told.get(key) != form:
                self._told[key] = form
                _log.warning("A changed prompt template is left out, and what it was before is used. %s", fault)
        return shelf

    def _look(self, watched: _Watched, *, at_once: bool) -> None:
        every_s = LOOK_EVERY_SLOW_S if watched.source.is_slow else LOOK_EVERY_S
        now_s = self._clock_s()
        if watched.is_looking or not (at_once or now_s - watched.looked_at_s >= every_s):
            return
        watched.looked_at_s, watched.is_looking = now_s, True
        if watched.source.is_slow and not at_once:
            threading.Thread(target=_look_at, args=(watched,), name="prompt-templates", daemon=True).start()
        else:
            _look_at(watched)


def _look_at(watched: _Watched) -> None:
    try:
        watched.latest, watched.fault = dict(watched.source.look()), ""
    except PromptError as error:
        if watched.fault != str(error):
            _log.warning("Prompt templates are used as they were last, since their source cannot be read: %s", error)
        watched.fault = str(error)
    finally:
        watched.is_looking = False


def _told(name: str, error: PromptError) -> str:
    message = str(error)
    return message if name in message else f"{name}: {message}"


def _read(source: PromptSource, name: str, precedence: int) -> Held:
    kept = source.read(name)
    template = kept.template
    return Held(template, precedence, kept.at, author=template.author, note=template.notes, source=source, place=name)
