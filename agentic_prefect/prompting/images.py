"""Pictures in a task's input: taken out of the data, which says where they were."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import ValidationError

from agentic_prefect.models.chat import Image
from agentic_prefect.prompting.errors import PromptError

KEYS = frozenset({"type", "url", "detail"})


def without_images(value: Any) -> tuple[Any, tuple[Image, ...]]:
    """The value with `(image 1)` and so on in place of its pictures, and the pictures in that order.

    A picture is `{"type": "image", "url": "https://…"}`, or with `data:image/png;base64,…`.

    Raises:
        PromptError: One has no address that a model could be shown.
    """
    found: list[Image] = []
    return _searched(value, found), tuple(found)


def image_label(image: Image) -> str:
    """What is kept of a picture on record: an address without its query, which may hold a key, or a fingerprint."""
    if not image.url.startswith("data:"):
        return image.url.partition("?")[0]
    kind = image.url[len("data:") :].partition(";")[0]
    return f"{kind}, sha256 {hashlib.sha256(image.url.encode()).hexdigest()[:16]}"


def _searched(value: Any, found: list[Image]) -> Any:
    if isinstance(value, Mapping):
        fields = cast("Mapping[Any, Any]", value)
        if fields.get("type") == "image" and "url" in fields and fields.keys() <= KEYS:
            found.append(_image(fields))
            return f"(image {len(found)})"
        return {name: _searched(item, found) for name, item in fields.items()}
    if isinstance(value, list | tuple):
        return [_searched(item, found) for item in cast("Sequence[Any]", value)]
    return value


def _image(fields: Mapping[Any, Any]) -> Image:
    try:
        return Image.model_validate({name: fields[name] for name in ("url", "detail") if name in fields})
    except ValidationError as error:
        shown = repr(fields["url"])[:60]
        raise PromptError(
            f"The picture {shown} cannot be shown to a model. Its `url` begins with https://, or with data:image/ for "
            f"the picture itself; its `detail`, if there is one, is auto, low or high."
        ) from error
