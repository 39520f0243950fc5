"""What a run keeps about itself, so that a later one can go on where it ended."""

from pydantic import Field

from agentic_prefect.models.agent import PolicyFields
from agentic_prefect.models.base import Frozen


class RunRecord(Frozen):
    """What a run keeps about itself besides its plan and its inputs."""

    lineage: str = ""
    """The id of the first run of this work; empty is this run."""
    renewed: dict[str, str] = Field(default_factory=dict)
    """Tasks (`id` or `id[index]`) that were done anew, with all that comes after them -> since which run; empty is this
    run. A later entry goes before an earlier one."""
    policy: PolicyFields = PolicyFields()
    """What the run set itself."""
    rehearse: bool = False
    base_dir: str = ""
    """The folder from which the plan's relative paths are meant."""
    plan_hash: str = ""
    """The content of the plan as it was written, as `plan_hash` gives it."""
    plan_version: int | None = None
    """Which version of a stored plan it is, from 1; `None` when it comes from elsewhere."""
    host: str = ""
    """Where the run's process is, or was."""
    pid: int = 0

    def seen_from_outside(self, run_id: str) -> "RunRecord":
        """The record with this run's id in the places where it is meant."""
        renewed = {point: since or run_id for point, since in self.renewed.items()}
        return self.model_copy(update={"lineage": self.lineage or run_id, "renewed": renewed})
