"""Which answer a request gets: the state of a script while it is played."""

import re
import threading
from dataclasses import dataclass

from agentic_prefect.testing.request import ScriptedRequest
from agentic_prefect.testing.script import Answer, AnswerFunction, Match, Rule, Script


def matches(match: Match, request: ScriptedRequest) -> bool:
    """Whether all conditions of `match` hold for `request`."""
    return (
        (match.text is None or match.text in request.prompt_text)
        and (match.pattern is None or re.search(match.pattern, request.prompt_text, re.DOTALL) is not None)
        and (match.model is None or match.model == request.model)
        and (match.api is None or match.api == request.api)
        and all(request.headers.get(name.lower()) == value for name, value in match.headers.items())
    )


@dataclass(slots=True)
class _Played:
    """A rule and how often it matched."""

    rule: Rule
    seen: int = 0

    def next_answer(self) -> Answer | AnswerFunction | None:
        """The answer to the next matching request; `None` leaves it to the rules after this one."""
        self.seen += 1
        turn = self.seen - self.rule.skip
        if turn < 1 or (self.rule.times is not None and turn > self.rule.times):
            return None
        return self.rule.answers[min(turn, len(self.rule.answers)) - 1]


class RuleBook:
    """Plays a script: first what is queued, then the first rule that matches and has answers left, then the default.

    May be used from several threads.
    """

    def __init__(self, script: Script) -> None:
        self._lock = threading.Lock()
        self._script = script
        self._queue: list[Answer | AnswerFunction] = []
        self._rules = [_Played(rule) for rule in script.rules]
        self._default = script.default

    def reset(self) -> None:
        """Back to the script as it was given: what was added is gone, every rule starts anew."""
        with self._lock:
            self._queue.clear()
            self._rules = [_Played(rule) for rule in self._script.rules]
            self._default = self._script.default

    def add(self, rule: Rule) -> None:
        """Append `rule`: those that are there already come first."""
        with self._lock:
            self._rules.append(_Played(rule))

    def queue(self, answers: list[Answer | AnswerFunction]) -> None:
        """Answer the next requests with `answers`, one each, whatever they ask."""
        with self._lock:
            self._queue.extend(answers)

    def answer_by_default(self, answer: Answer | AnswerFunction) -> None:
        """Answer with `answer` when no rule does."""
        with self._lock:
            self._default = answer

    def choose(self, request: ScriptedRequest) -> Answer | AnswerFunction:
        """The answer to `request`; uses it up."""
        with self._lock:
            if self._queue:
                return self._queue.pop(0)
            for played in self._rules:
                if matches(played.rule.when, request) and (answer := played.next_answer()) is not None:
                    return answer
            return self._default
