"""Template files, written."""

from agentic_prefect.prompting.front_matter import read_template
from agentic_prefect.prompting.writing import template_text
from tests.prompting.test_front_matter import WHOLE


def test_what_is_written_reads_the_same() -> None:
    """Every field survives, and the text to the letter."""
    template = read_template(WHOLE, origin="a.j2")
    again = read_template(template_text(template), origin="a.j2")

    assert again.model_dump(exclude={"first_line"}) == template.model_dump(exclude={"first_line"})
    assert again.hash == template.hash


def test_name_that_is_the_id_is_not_written() -> None:
    """Only what was said is written."""
    template = read_template("---\nid: a\nversion: 1.0\n---\nHello {{ x }}\n", origin="a.j2")

    assert template_text(template) == "---\nid: a\nversion: 1.0.0\n---\nHello {{ x }}\n"
