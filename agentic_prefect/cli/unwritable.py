"""The error about a file that a command was asked to write."""

from typing import Self

from agentic_prefect.errors import TerminalError


class OutputUnwritable(TerminalError, OSError):
    """A file cannot be written."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, why)
        self.path, self.why = path, why

    @classmethod
    def because(cls, path: str, error: OSError) -> Self:
        """The error with the system's own reason."""
        return cls(path, (error.strerror or str(error)).lower())

    def __str__(self) -> str:
        return (
            f"{self.path!r} cannot be written: {self.why}. Give a file in a folder that exists and may be written to."
        )
