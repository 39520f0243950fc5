"""A run with one of everything: a fan-out, retries, a fallback, a skip, a stored result, an unknown price."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from agentic_prefect.errors import ErrorCode
from agentic_prefect.models.error import ErrorContext, TaskError
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.prompt import PromptRecord
from agentic_prefect.models.result import PlanResult, Related, TaskResult
from agentic_prefect.models.status import PlanStatus, TaskStatus
from agentic_prefect.models.usage import Usage

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
PROMPT = PromptRecord(id="agent/default", version="1.2.0", hash="ab" * 32, text="Write it | now.\n```\n<b>tag</b>\n```")


def at(seconds: float) -> datetime:
    """A time in the run."""
    return START + timedelta(seconds=seconds)


def error(
    attempt: int, code: ErrorCode = ErrorCode.RATE_LIMIT, message: str = "Too many | requests\nSlow *down*"
) -> TaskError:
    """The error of one attempt."""
    context = ErrorContext(
        agent_id="writer",
        attempt=attempt,
        timeout_s=30.0,
        elapsed_s=0.25,
        model="gpt-small",
        prompt=PROMPT,
        usage=Usage(input_tokens=100, output_tokens=7, calls=1),
    )
    return TaskError(code=code, type="RateLimited", message=message, timestamp=at(attempt), context=context)


def done(task_id: str, output: object = "fine", **fields: object) -> TaskResult:
    """A success."""
    return TaskResult.model_validate(
        {"task_id": task_id, "status": "completed", "success": True, "output": output, "attempts": 1, **fields}
    )


PLAN = Plan.model_validate(
    {
        "name": "trip-research",
        "description": "Research a trip.",
        "agents": {"writer": {"role": "editor"}},
        "tasks": [
            {"id": "plan_searches", "description": "Plan."},
            {"id": "search", "for_each": ["sun", "sea"], "description": "{{ item }}", "depends_on": "plan_searches"},
            {
                "id": "write",
                "agent": "writer",
                "description": "Write.",
                "depends_on": "search",
                "on_failure": {"fallback": ["write_short"]},
            },
            {"id": "write_short", "description": "Write less.", "depends_on": "search"},
            {"id": "translate", "description": "Translate.", "when": False},
        ],
    }
)

FAILED = TaskResult(
    task_id="write",
    status=TaskStatus.FAILED,
    success=False,
    error=TaskError(
        code=ErrorCode.MAX_RETRIES_EXCEEDED,
        type="MaxRetriesExceededError",
        message="All 2 attempts failed. The last one: rate_limit: Too many | requests",
        timestamp=at(2),
        history=(error(1), error(2, message="Again <script>alert(1)</script> ![x](http://x.test/y)")),
    ),
    attempts=2,
    usage=Usage(input_tokens=200, output_tokens=14, calls=2, cost_usd=Decimal("0.0042")),
    started_at=at(1),
    ended_at=at(3.5),
    agent="writer",
    prompt=PROMPT,
    related=(Related(task_id="write_short", relation="fallback"),),
)

RESULTS = {
    "plan_searches": done(
        "plan_searches",
        cached=True,
        usage=Usage(input_tokens=300, output_tokens=90, calls=1, cost_usd=Decimal("0.0031")),
        started_at=at(0),
        ended_at=at(0.01),
    ),
    "search": done(
        "search",
        ["s1", "s2"],
        usage=Usage(input_tokens=1500, output_tokens=500, calls=2, cost_usd=Decimal("0.012")),
        started_at=at(0),
        ended_at=at(1),
        attempts=2,
        related=[{"task_id": "search[0]", "relation": "item"}, {"task_id": "search[1]", "relation": "item"}],
    ),
    "search[0]": done("search[0]", "s1", usage=Usage(input_tokens=700, output_tokens=300, calls=1), model="gpt-small"),
    "search[1]": done("search[1]", "s2", usage=Usage(input_tokens=800, output_tokens=200, calls=1), model="gpt-small"),
    "write": FAILED,
    "write_short": done(
        "write_short",
        "# Go in *April*\n\n![x](http://x.test/y) <b>bold</b>",
        usage=Usage(input_tokens=50, output_tokens=60, calls=1, cost_usd=None),
        started_at=at(3.5),
        ended_at=at(125),
        model="local-model",
        prompt=PROMPT,
        related=[{"task_id": "write", "relation": "fallback_for"}],
    ),
    "translate": TaskResult(
        task_id="translate", status=TaskStatus.SKIPPED, success=False, reason="its condition 'False' is false"
    ),
}

RESULT = PlanResult(
    plan="trip-research",
    run_id="run-1",
    status=PlanStatus.COMPLETED,
    output=RESULTS["write_short"].output,
    results=RESULTS,
    usage=Usage(input_tokens=1750, output_tokens=574, calls=5, cost_usd=None),
    started_at=at(0),
    ended_at=at(125),
    url="http://127.0.0.1:4200/v2/runs/flow-run/run-1",
)
