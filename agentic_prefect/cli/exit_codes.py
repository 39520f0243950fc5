"""What the process tells the shell."""

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended. 1 is left to faults of this program itself."""

    COMPLETED = 0
    UNEXPECTED = 1
    BAD_PLAN_OR_USAGE = 2
    PARTIAL_FAILURE = 3
    FAILED = 4
    NO_CONNECTION = 5
    """A key or a login is missing, or a server or a model cannot be reached."""
    CANCELLED = 130
    UNREAD = 141
    """Whoever read the output, such as `head`, has had enough; the same as SIGPIPE."""
