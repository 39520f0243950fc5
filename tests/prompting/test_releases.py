"""Which version is given to whom, and how that is changed."""

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agentic_prefect.models.prompt import PromptChoice
from agentic_prefect.models.release import Release, ReleaseEntry
from agentic_prefect.prompting.errors import PromptError
from agentic_prefect.prompting.registry import PromptRegistry
from agentic_prefect.prompting.release_log import ReleaseFile
from agentic_prefect.prompting.releases import Change, arm_of, previous_stable
from tests.prompting.samples import template

AT = datetime(2026, 1, 1, tzinfo=UTC)
VERSIONS = ("1.0.0", "1.1.0", "1.2.0", "1.3.0-draft.1")


def release(percent: float) -> Release:
    """Version 1.1.0 is tried beside 1.0.0."""
    return Release(template="a", stable="1.0.0", candidate="1.1.0", percent=percent)


def arms(percent: float, count: int) -> list[str]:
    """The arms of so many pieces of work."""
    return [arm_of(release(percent), f"run-{number}/write") for number in range(count)]


def test_halves_are_about_even_and_do_not_change() -> None:  # P-40
    """Of 200 tasks each arm gets 80 to 120, and the same task always the same one."""
    drawn = arms(50, 200)

    assert 80 <= drawn.count("candidate") <= 120
    assert drawn.count("candidate") + drawn.count("stable") == 200
    assert drawn == arms(50, 200)


def test_gradual_rollout() -> None:  # P-58
    """A tenth is about a tenth of 1,000; nothing and everything are exact."""
    assert 70 <= arms(10, 1000).count("candidate") <= 130
    assert arms(0, 1000).count("candidate") == 0
    assert arms(100, 1000).count("candidate") == 1000


@given(st.text(), st.floats(0, 100), st.floats(0, 100))
def test_who_has_a_version_keeps_it_when_more_get_it(unit: str, one: float, other: float) -> None:
    """A growing share only ever adds work to the candidate."""
    small, large = sorted((one, other))

    assert arm_of(release(small), unit) == "stable" or arm_of(release(large), unit) == "candidate"


def test_each_candidate_draws_anew() -> None:
    """It is not always the same work that tries what is new."""
    other = Release(template="a", stable="1.0.0", candidate="1.2.0", percent=10)
    units = [f"run-{number}/write" for number in range(1000)]
    both = [unit for unit in units if arm_of(release(10), unit) == arm_of(other, unit) == "candidate"]

    assert len(both) < 30


def test_nothing_is_drawn_where_nothing_is_tried() -> None:
    """A single version has no arms."""
    assert arm_of(Release(template="a", stable="1.0.0"), "x") == ""


@pytest.mark.parametrize("fields", [{"candidate": "1.0.0"}, {"percent": 10}, {"candidate": "1.1.0", "percent": 101}])
def test_release_that_makes_no_sense_is_refused(fields: dict[str, Any]) -> None:
    """A version beside itself, a share of nothing, more than everything."""
    with pytest.raises(ValidationError):
        Release.model_validate({"template": "a", "stable": "1.0.0", **fields})


def change(*entries: ReleaseEntry, latest: str = "1.2.0") -> Change:
    """How template `a` may change."""
    return Change("a", VERSIONS, latest, entries)


def shown(entry: ReleaseEntry) -> tuple[str, str, str | None, float]:
    """What an entry comes to."""
    return entry.action, entry.stable, entry.candidate, entry.percent


def test_first_rollout_puts_the_version_beside_the_one_before_it() -> None:
    """What came last has been used by all as the latest; an older one is tried beside that."""
    assert shown(change().rollout("1.2", 10, at=AT)) == ("rollout", "1.1.0", "1.2.0", 10)
    assert shown(change().rollout("1.1.0", 25, at=AT)) == ("rollout", "1.2.0", "1.1.0", 25)


def test_rollout_goes_on_promotes_and_goes_back() -> None:
    """Each step stands on the one before."""
    started = change().rollout("1.2.0", 10, at=AT, unit="task")
    more = change(started).rollout("1.2.0", 50, at=AT)
    promoted = change(started, more).promote(at=AT, author="Ada", note="Better.")
    back = change(started, more, promoted).rollback(at=AT)

    assert (shown(more), more.unit) == (("rollout", "1.1.0", "1.2.0", 50), "task")
    assert (shown(promoted), promoted.author, promoted.note) == (("promote", "1.2.0", None, 0), "Ada", "Better.")
    assert shown(back) == ("rollback", "1.1.0", None, 0)


def test_rollback_of_a_rollout_takes_the_candidate_back() -> None:
    """What is in use stays in use."""
    started = change().rollout("1.2.0", 10, at=AT)

    assert shown(change(started).rollback(at=AT)) == ("rollback", "1.1.0", None, 0)


def test_rollback_without_a_release_goes_to_the_version_before() -> None:
    """A second one goes on to the one before that, and the first version has none."""
    first = change().rollback(at=AT)
    second = change(first).rollback(at=AT)

    assert [first.stable, second.stable] == ["1.1.0", "1.0.0"]
    with pytest.raises(PromptError, match=r"no version of 'a' before 1\.0\.0 to go back to"):
        change(first, second).rollback(at=AT)
    assert change(first, second).rollback("1.2.0", at=AT).stable == "1.2.0"


def test_version_before_is_the_one_that_was_in_use() -> None:
    """Not the next older number."""
    entries = [
        ReleaseEntry.model_validate({"template": "a", "stable": version, "action": action, "at": AT})
        for version, action in (("1.0.0", "promote"), ("1.2.0", "promote"), ("1.1.0", "promote"), ("1.2.0", "rollback"))
    ]

    assert [previous_stable(entries[:count]) for count in range(5)] == [None, None, "1.0.0", "1.2.0", "1.0.0"]


@pytest.mark.parametrize(
    ("version", "problem"),
    [
        ("9.0.0", r"'a' has no version '9\.0\.0'\. It has: 1\.0\.0"),
        ("1.3.0-draft.1", r"is a draft.*prompts approve a@1\.3\.0-draft\.1"),
        ("abc", "MAJOR"),
    ],
)
def test_version_that_cannot_be_rolled_out(version: str, problem: str) -> None:
    """It is not there, or nobody has approved it."""
    with pytest.raises(PromptError, match=problem):
        change().rollout(version, 10, at=AT)


def test_only_version_has_nothing_to_be_tried_beside() -> None:
    """The message says what there is."""
    with pytest.raises(PromptError, match="none that it could be tried beside"):
        Change("a", ("1.0.0",), "1.0.0").rollout("1.0.0", 10, at=AT)


def test_one_version_is_tried_at_a_time() -> None:
    """The message says how to make room for another one."""
    started = change().rollout("1.1.0", 10, at=AT)

    with pytest.raises(PromptError, match=r"a@1\.1\.0 is tried.*10 %.*rollout a --promote.*rollback a"):
        change(started).rollout("1.0.0", 5, at=AT)


def test_nothing_is_promoted_where_nothing_is_tried() -> None:
    """The message names the command that tries one."""
    with pytest.raises(PromptError, match="prompts rollout a VERSION"):
        change().promote(at=AT)


# In a registry


@pytest.fixture
def log(tmp_path: Path) -> ReleaseFile:
    """An empty log."""
    return ReleaseFile(tmp_path / "releases.jsonl")


@pytest.fixture
def registry(log: ReleaseFile) -> PromptRegistry:
    """Three versions and one that uses them."""
    several = [template("a", f"this is {version}", version=version) for version in VERSIONS]
    found = PromptRegistry([*several, template("whole", "{% include 'a' %}!")])
    found.follow(log)
    return found


def chosen(registry: PromptRegistry, reference: str, run: str = "r") -> PromptChoice:
    """What a task of a run is given."""
    return registry.choose(reference, plan="p", run=run, task="t")


def test_release_decides_what_is_in_use(registry: PromptRegistry, log: ReleaseFile) -> None:  # P-59
    """From the next look on, for those who name no version, for ranges that it lies in, and within other templates."""
    assert registry.render("whole")[0].content == "this is 1.2.0!"
    log.add(change().rollback(at=AT))
    assert registry.refresh()

    assert {name: registry.get(name).version for name in ("a", "a@^1.0", "a@^1.2", "a@1.2.0", "a@1.0")} == {
        "a": "1.1.0",
        "a@^1.0": "1.1.0",
        "a@^1.2": "1.2.0",
        "a@1.2.0": "1.2.0",
        "a@1.0": "1.0.0",
    }
    assert registry.render("whole")[0].content == "this is 1.1.0!"
    assert not registry.refresh()


def test_task_is_given_one_of_the_versions(registry: PromptRegistry, log: ReleaseFile) -> None:
    """The arm goes with it; who asks for an exact version, or a range without the candidate, tries nothing."""
    assert chosen(registry, "a") == PromptChoice(reference="a@1.2.0")
    log.add(change().rollout("1.2.0", 50, at=AT))
    registry.refresh()
    both = [chosen(registry, "a", run=f"run-{number}") for number in range(50)]

    assert {(each.reference, each.arm) for each in both} == {("a@1.1.0", "stable"), ("a@1.2.0", "candidate")}
    assert {chosen(registry, "a@<1.2", run=f"run-{number}").reference for number in range(50)} == {"a@1.1.0"}
    assert {chosen(registry, "a@1.2.0", run=f"run-{number}").arm for number in range(50)} == {""}
    assert chosen(registry, "whole").arm == ""


@pytest.mark.parametrize(("unit", "count"), [("run", 2), ("task", 1)])
def test_unit_says_what_is_drawn(registry: PromptRegistry, log: ReleaseFile, unit: Any, count: int) -> None:
    """Each run anew, or each task once and for all."""
    log.add(change().rollout("1.2.0", 50, at=AT, unit=unit))
    registry.refresh()

    assert len({chosen(registry, "a", run=f"run-{number}").arm for number in range(50)}) == count


def test_nothing_is_tried_before_there_is_a_run(registry: PromptRegistry, log: ReleaseFile) -> None:
    """A look at a prompt shows the version in use."""
    log.add(change().rollout("1.2.0", 100, at=AT))
    registry.refresh()

    assert chosen(registry, "a", run="") == PromptChoice(reference="a@1.1.0")


def test_candidate_that_is_gone_is_given_to_nobody(log: ReleaseFile) -> None:
    """Its share falls back to what is in use."""
    registry = PromptRegistry([template("a", version="1.1.0")])
    log.add(change().rollout("1.2.0", 100, at=AT))
    registry.follow(log)

    assert chosen(registry, "a") == PromptChoice(reference="a@1.1.0")


def test_version_in_use_that_is_gone_is_told(log: ReleaseFile) -> None:
    """The message says how to choose another one; exact versions are still there, and so is the latest."""
    registry = PromptRegistry([template("a", version="1.1.0"), template("b", "{% include 'a' %}")])
    log.add(change().rollback("1.0.0", at=AT))
    registry.follow(log)

    for act in (lambda: registry.get("a"), lambda: registry.render("b"), lambda: chosen(registry, "a")):
        with pytest.raises(PromptError, match=r"Version 1\.0\.0 of .*'a' is in use.*It has: 1\.1\.0.*rollback a --to"):
            act()
    assert (registry.get("a@1.1").version, registry.latest("a").version) == ("1.1.0", "1.1.0")


# In a file


def test_file_keeps_every_change(log: ReleaseFile) -> None:  # P-56
    """Who changed what, when and why, in the order of time."""
    second = ReleaseEntry(
        template="a", stable="1.1.0", action="promote", at=AT + timedelta(days=1), author="Bo", note="It — works."
    )
    first = change().rollout("1.1.0", 10, at=AT, author="Ada", note="A try.")
    assert log.read() == ()
    log.add(second)
    log.add(first)

    assert log.read() == (first, second)
    assert len(log.path.read_text().splitlines()) == 2


def test_line_without_an_end_is_not_spoilt(log: ReleaseFile) -> None:
    """Somebody's editor may have left out the last line break."""
    first = change().rollout("1.1.0", 10, at=AT)
    log.path.write_text(first.model_dump_json())
    log.add(first)

    assert log.read() == (first, first)


def test_broken_log_leaves_things_as_they_are(
    registry: PromptRegistry, log: ReleaseFile, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says so once, and the registry until it is put right."""
    log.add(change().rollback(at=AT))
    registry.refresh()
    with log.path.open("a") as file:
        file.write("nonsense\n")

    with caplog.at_level(logging.WARNING):
        registry.refresh()
        registry.refresh()

    assert registry.get("a").version == "1.1.0"
    assert [f"{log.path}, line 2, is no release" in record.getMessage() for record in caplog.records] == [True]
    assert "line 2" in registry.faults[0]
    with pytest.raises(PromptError, match="line 2"):
        PromptRegistry().follow(log)


def test_log_that_is_too_large_is_refused(log: ReleaseFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read before tasks; the message says what may go."""
    log.add(change().rollback(at=AT))
    monkeypatch.setattr("agentic_prefect.prompting.release_log.MAX_FILE_BYTES", 20)

    with pytest.raises(PromptError, match=r"larger than 20 bytes\. Remove lines of long ago"):
        log.read()
