"""The journal keeps each request's end with its beginning, over resets too."""

from agentic_prefect.testing import ScriptedRequest, Tally
from agentic_prefect.testing.journal import Journal


def request(number: int) -> ScriptedRequest:
    """A request."""
    return ScriptedRequest(number=number, api="chat", model="m", prompt_text="")


def test_the_end_of_a_forgotten_request_ends_no_other() -> None:
    """A request from before a reset does not close the one that has its place now."""
    journal = Journal()
    old = journal.arrived(request(1))
    journal.reset()
    journal.arrived(request(1))

    journal.closed(old, status=200, answered_at=1.0)

    assert journal.tally == Tally(count=1, in_flight=1, answered=0, max_in_flight=1)
    assert journal.requests[0].status is None


def test_the_first_end_counts() -> None:
    """A client that goes away after its answer changes nothing."""
    journal = Journal()
    ticket = journal.arrived(request(1))
    journal.closed(ticket, status=200, answered_at=1.0)

    journal.closed(ticket, status=None, answered_at=None)

    assert journal.tally == Tally(count=1, in_flight=0, answered=1, max_in_flight=1)
    assert journal.requests[0].status == 200
