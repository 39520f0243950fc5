"""Pictures in the input of a task."""

import pytest

from agentic_prefect.models.chat import Image
from agentic_prefect.prompting.errors import PromptError
from agentic_prefect.prompting.images import image_label, without_images
from tests.prompting.samples import full_work, make_builder

ONE, TWO = "https://example.com/a.png?key=SECRET", "data:image/png;base64,AAAA"


def test_pictures_are_taken_out_of_the_data() -> None:
    """Wherever they are; the data says which one was there, and a mapping that only looks alike stays."""
    given = {
        "a": {"type": "image", "url": ONE, "detail": "low"},
        "b": [{"type": "image", "url": TWO}],
        "c": {"type": "image"},
    }

    assert without_images(given) == (
        {"a": "(image 1)", "b": ["(image 2)"], "c": {"type": "image"}},
        (Image(url=ONE, detail="low"), Image(url=TWO)),
    )


@pytest.mark.parametrize("url", ["file:///etc/passwd", "a.png", 3, "javascript:x"])
def test_address_that_no_model_can_be_shown_is_refused(url: object) -> None:
    """Nothing is read from this machine."""
    with pytest.raises(PromptError, match="begins with https://"):
        without_images({"type": "image", "url": url})


def test_record_keeps_no_key_and_no_picture() -> None:
    """An address may hold a key, and a picture is large."""
    prompt = make_builder().build_for_task(
        full_work(input=[{"type": "image", "url": ONE}, {"type": "image", "url": TWO}])
    )

    assert prompt.record.images == ("https://example.com/a.png", image_label(Image(url=TWO)))
    assert prompt.record.images[1].startswith("image/png, sha256 ")
    assert [image.url for image in prompt.messages[-1].images] == [ONE, TWO]
    assert prompt.messages[0].images == ()
