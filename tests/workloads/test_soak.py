"""Several plans at once on a provider that fails now and then; `benchmarks.soak` does the same at full size."""

import os
from pathlib import Path

import pytest

from agentic_prefect.testing import ScriptedServer
from benchmarks.soak.__main__ import Soak, problems, states_of
from benchmarks.soak.workload import FAULTS, Provider, Size

pytestmark = [pytest.mark.prefect, pytest.mark.xdist_group("workloads")]

SIZE = Size(layers=3, width=5)


@pytest.fixture
def soak(tmp_path: Path, openai_env: ScriptedServer) -> Soak:
    """Four plans of twenty tasks, a fifth of whose answers are faults."""
    provider = Provider(seed=5, share=0.2)
    openai_env.answer_by_default(provider)
    names = tuple(f"p{number}" for number in range(4))
    return Soak(names, SIZE, provider, tmp_path, dict(os.environ))


def test_each_plan_ends_as_its_policies_say(soak: Soak, prefect_server: str) -> None:
    """Though the process is killed halfway and another goes on: the statuses of plans and tasks, and the number of
    requests of each task, follow from the answers; nothing that was answered is asked again.
    """
    # A-56, U-05
    whole = sum(sum(each.asked.values()) for each in soak.expectations().values())
    process = soak.start()
    soak.wait_for_answers(whole // 2, process)
    soak.kill(process)
    left = [name for name in soak.names if not (soak.folder / f"{name}.json").exists()]
    process = soak.start()
    _, said = process.communicate(timeout=120)
    results = soak.results()
    answers = {
        soak.provider.answer_to(mark, number)
        for mark, count in soak.provider.answered.items()
        for number in range(count)
    }

    assert process.returncode == 0, said
    assert left != []
    assert answers == {"good", *FAULTS}
    assert [*problems(soak, results, states_of(results, prefect_server))] == []
    assert len({each.status for each in results.values()}) > 1
