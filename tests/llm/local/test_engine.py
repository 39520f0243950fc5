"""What the engine answers: strict JSON in parallel, greedy and seeded, to this machine alone."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from agentic_prefect.llm.local.engine import is_installed, main, spare_threads
from agentic_prefect.llm.local.service import running_local

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "mood": {"type": "string", "enum": ["good", "bad"]},
        "word": {"type": "string", "maxLength": 12},
    },
    "required": ["mood", "word"],
    "additionalProperties": False,
}
NOTES = (
    "The load failed.",
    "The backup is done.",
    "A disk is full.",
    "The report is fast.",
    "A feed is late.",
    "Fine.",
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, default_weights: Path) -> Iterator[httpx.Client]:
    """A client of a running engine that serves the default model's file under a path of one's own."""
    with running_local(tmp_path_factory.mktemp("engine"), model_file=default_weights) as current:
        assert current.base_url is not None
        with httpx.Client(base_url=current.base_url, timeout=60, trust_env=False) as client:
            yield client


def test_a_core_is_left_for_the_rest() -> None:
    """The engine takes one thread fewer than the cores it may use, and at least one."""
    cores = len(os.sched_getaffinity(0))

    assert spare_threads() == max(1, cores - 1)


@pytest.mark.skipif(not is_installed(), reason="the engine is not installed: pip install 'agentic-prefect[local]'")
def test_a_file_that_cannot_be_served_ends_the_process(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The process ends with 1 and names the file, without a traceback."""
    (tmp_path / "no.gguf").write_bytes(b"GGUF")
    code = main(["--model", str(tmp_path / "no.gguf")])
    said = capfd.readouterr().err

    assert code == 1
    assert "no.gguf' cannot be served" in said
    assert "Traceback" not in said


@pytest.mark.local_model
@pytest.mark.xdist_group("local_model")
class TestRealModel:
    """The default model behind llama.cpp's server."""

    def test_the_file_names_the_model(self, engine: httpx.Client, default_weights: Path) -> None:
        """Any GGUF file is served under its own name."""
        assert [model["id"] for model in engine.get("/models").json()["data"]] == [default_weights.stem]

    def test_parallel_answers_fit_the_schema(self, engine: httpx.Client) -> None:
        """Six calls at once, more than there are slots, each end with JSON that their schema allows."""

        def ask(note: str) -> dict[str, Any]:
            schema = {"name": "answer", "strict": True, "schema": SCHEMA}
            body = {
                "messages": [{"role": "user", "content": f"Is this good or bad? {note}"}],
                "response_format": {"type": "json_schema", "json_schema": schema},
                "max_tokens": 64,
            }
            return engine.post("/chat/completions", json=body).raise_for_status().json()

        with ThreadPoolExecutor(len(NOTES)) as threads:
            answers = list(threads.map(ask, NOTES))

        assert [answer["choices"][0]["finish_reason"] for answer in answers] == ["stop"] * len(NOTES)
        for answer in answers:
            Draft202012Validator(SCHEMA).validate(json.loads(answer["choices"][0]["message"]["content"]))
            assert answer["usage"]["prompt_tokens"] > 0
            assert answer["usage"]["completion_tokens"] > 0

    def test_max_tokens_bounds_the_answer(self, engine: httpx.Client) -> None:
        """A call's own limit is kept to the token and said in the answer."""
        body = {"messages": [{"role": "user", "content": "Tell a long story about a fox."}], "max_tokens": 5}
        answer = engine.post("/chat/completions", json=body).json()

        assert answer["usage"]["completion_tokens"] == 5
        assert answer["choices"][0]["finish_reason"] == "length"

    def test_answers_are_greedy_and_seeded(self, engine: httpx.Client) -> None:
        """What a call leaves open is temperature 0 and the fixed seed."""
        props = engine.get(str(engine.base_url).removesuffix("/v1/") + "/props").json()
        defaults = props["default_generation_settings"]["params"]

        assert (defaults["temperature"], defaults["seed"]) == (0.0, 7)

    def test_web_pages_cannot_ask_the_model(self, engine: httpx.Client) -> None:
        """A browser gets no leave to pass an answer to a page from elsewhere, unlike llama.cpp's default."""
        foreign = engine.get("/models", headers={"Origin": "https://pages.example"})
        own = engine.get("/models", headers={"Origin": "http://localhost:4200"})

        assert "access-control-allow-origin" not in foreign.headers
        assert own.headers["access-control-allow-origin"] == "http://localhost:4200"
