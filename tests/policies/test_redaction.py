"""Secrets are taken out of text and data; everything else stays as it is."""

import string
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agentic_prefect.errors import ErrorCode
from agentic_prefect.models.error import ErrorContext, TaskError
from agentic_prefect.policies.own_patterns import own_patterns
from agentic_prefect.policies.redaction import MASK, Redactor, redacted

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA0\nQ2kz\n-----END RSA PRIVATE KEY-----"

CASES = [
    ("Incorrect API key provided: sk-proj-Ab12_Cd34-Ef56.", "Incorrect API key provided: [redacted]."),
    ("Incorrect API key provided: sk-abc*****wxyz", "Incorrect API key provided: [redacted]"),
    ("Incorrect API key provided: local-key-for-me", "Incorrect API key provided: [redacted]"),
    ("Authorization: Bearer eyJhbGciOi.payload-x_y", "Authorization: Bearer [redacted]"),
    ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic [redacted]"),
    ("{'authorization': 'Bearer abcdefgh'}", "{'authorization': 'Bearer [redacted]'}"),
    ("sent bearer 0123abcd to it", "sent bearer [redacted] to it"),
    ('{"api_key": "0123456789abcdef0123"}', '{"api_key": "[redacted]"}'),
    (r"{\"api_key\": \"0123456789abcdef\"}", r"{\"api_key\": \"[redacted]\"}"),
    ("key AIzaSyA1234567890abcdefghijk used", "key [redacted] used"),
    ("gsk-0123456789abcdef", "[redacted]"),
    ("gsk_0123456789abcdefABCDEF0123", "[redacted]"),
    ("stripe sk_live_0123456789abcdef", "stripe [redacted]"),
    ("AKIAIOSFODNN7EXAMPLE is used", "[redacted] is used"),
    ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfi", "aws_secret_access_key = [redacted]"),
    ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "[redacted]"),
    ("xoxb-123456789012-abcdefGHI", "[redacted]"),
    (f"token {JWT}!", "token [redacted]!"),
    (f"it began {PEM} and ended", "it began [redacted] and ended"),
    ("postgresql://me:s3cret@db:5432/x", "postgresql://[redacted]@db:5432/x"),
    ("https://0123456789abcdef01234567@host/v1", "https://[redacted]@host/v1"),
    ("GET https://host/v1?api_key=abcdefgh&page=2", "GET https://host/v1?api_key=[redacted]&page=2"),
    ("Server=db;User=sa;Password=swordfish;", "Server=db;User=sa;Password=[redacted];"),
    ("OPENAI_API_KEY=my-own-server", "OPENAI_API_KEY=[redacted]"),
    ("X-Api-Key: 0123456789", "X-Api-Key: [redacted]"),
    ("password: hunter2", "password: [redacted]"),
    ("client_secret='s3cret-value'", "client_secret='[redacted]'"),
    ("Cookie: session=abc; theme=dark", "Cookie: [redacted]"),
    (r"first\nsk-proj-0123456789abcdef", r"first\n[redacted]"),
    ("?key%3Dsk-proj-0123456789abcdef", "?key%3D[redacted]"),
    ("\x1b[31msk-proj-0123456789abcdef\x1b[0m", "\x1b[31m[redacted]\x1b[0m"),
]

UNTOUCHED = [
    "a risk-free task-oriented desk-bound answer",
    "task-20260105-0001 and disk-0123456789ab are names",
    "max_tokens must be 1 or more",
    "sk-learn 1.5 was used, in the locale sk-SK",
    "The bearer of bad news; Bearer authentication is required.",
    "the environment variable 'OPENAI_API_KEY' is not set",
    "Connection 'x' needs a key: name the variable in the connection's `api_key_env`",
    "api_key_env: MISTRAL_API_KEY",
    "client = OpenAI(api_key=settings.api_key, token=get_token(), password=password)",
    "def login(user: str, password: str, token: str | None = None) -> None: ...",
    "password: required, token: missing, api_key: invalid",
    "Unexpected token: 42 at line 3; input_tokens: 1234567, output_tokens=345678",
    "https://user@example.com/a:b and http://localhost:4200/runs?x=a@b",
    "ssh://git@github.com/x/y.git",
    "mail me at someone@example.com, at 10:30",
    "3fa85f64-5717-4562-b3fc-2c963f66afa6 ended with 0123456789abcdef0123456789abcdef01234567",
    "{{ inputs.token }} and ${SECRET} in secret: {{ inputs.secret }}",
    '{"password": {"type": "string"}, "token": "string"}',
    "The secret is out. The password is a word. A token of thanks.",
    "Authorization is needed: ask your administrator.",
    "All 3 attempts failed. The last one: rate_limit: Too many requests",
    "a cookie: flour, butter, sugar",
    "primary key: user_id_2, foreign key=order_id",
]

KEYS = [
    "sk-proj-Ab12Cd34Ef56Gh78", "sk-ant-api03-Zz_9-Zz_9Zz", "AIzaSyA1234567890abcdefghijk", "AKIAIOSFODNN7EXAMPLE",
    "gsk_0123456789abcdefABCDEF0123", "ghp_0123456789abcdefghijABCDEFGHIJ012345", "hf_abcdefghij0123456789ABCDEF", JWT,
    "xoxb-123456789012-abcdefGHI",
]  # fmt: skip
SURROUNDINGS = st.text(st.sampled_from(" \n\t\"'`=:;,.()[]{}<>|/\\&?!äß→\x1b"), max_size=8)
PROSE = st.text(max_size=40)


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text[:24] for text, _ in CASES])
def test_redacted(text: str, expected: str) -> None:
    """What is a key, a token or a password is masked, and what stands around it stays."""  # F-51 U-12
    assert redacted(text) == expected


@pytest.mark.parametrize("text", UNTOUCHED, ids=[text[:24] for text in UNTOUCHED])
def test_ordinary_text_stays(text: str) -> None:
    """Prose, code, names, hashes and addresses are not mangled."""  # F-51
    assert redacted(text) == text


@given(st.sampled_from(KEYS), PROSE, SURROUNDINGS, SURROUNDINGS, PROSE)
def test_a_planted_key_never_survives(key: str, start: str, before: str, after: str, end: str) -> None:
    """Whatever stands around a key, it is gone; nothing is left for a second time."""  # F-51 U-12
    clean = redacted(f"{start} {before}{key}{after} {end}")

    assert key not in clean
    assert redacted(clean) == clean


@given(st.text(string.ascii_letters + string.digits + "-_/+=", min_size=12, max_size=60), PROSE, PROSE, st.booleans())
def test_a_known_secret_never_survives(secret: str, before: str, after: str, cut: bool) -> None:
    """A secret in use is masked whatever it looks like, and so is the beginning of one that was cut off."""  # F-51
    shown = secret[: max(12, len(secret) - 3)] if cut else secret
    clean = Redactor(known=lambda: {secret}).text(f"{before}{shown}{after}")

    assert shown not in clean.replace(MASK, "")


def test_known_secret() -> None:
    """A secret that is known is masked whatever it looks like; what may be an ordinary word is not known."""
    assert redacted("you sent hunter2", "hunter2", "") == "you sent [redacted]"
    assert Redactor(known=lambda: {"test"}).text("this is a test") == "this is a test"


def test_data() -> None:
    """Texts at any depth are redacted, keys of mappings, too; data without secrets is the very same object."""
    key = "sk-proj-Ab12Cd34Ef56Gh78"
    clean = {"a": [1, None, ("x", {"b": True})]}

    assert Redactor().value({key: [{"deep": (key, 7)}]}) == {MASK: [{"deep": (MASK, 7)}]}
    assert Redactor().value(clean) is clean


def test_models() -> None:
    """Every text of an error is redacted, in its causes and history as well; what names things stays."""  # F-51
    inner = TaskError(
        code=ErrorCode.SERVER,
        type="E12345678",
        message="token sk-proj-Ab12Cd34Ef56Gh78, number 12345678",
        timestamp=datetime(2026, 1, 5, tzinfo=UTC),
        context=ErrorContext(frames=("/home/12345678/a.py:1 in f",), task_id="t12345678"),
    )
    error = inner.model_copy(update={"cause": inner, "history": (inner,)})
    clean = Redactor(own_patterns((r"[0-9]{8}",))).value(error)

    assert [each.message for each in (clean, clean.cause, *clean.history)] == [f"token {MASK}, number {MASK}"] * 3
    assert (clean.type, clean.context.task_id) == ("E12345678", "t12345678")
    assert clean.context.frames == (f"/home/{MASK}/a.py:1 in f",)


PIECES = (
    *("token", "password", "api_key", "secret", "bearer", "Authorization", "cookie", "provided", "settings.api_key"),
    *("://", "sk-", "sk_live_", "eyJ", "hunter2hunter2", "abc", "A1b2C3d4E5f6G7h8I9j0", "0"),
    *(":", "=", " ", ".", "\n", '"', "'", "\\", "$", "<", "@", "\0"),
)


@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=8).map("".join), max_size=6))
@example(["token", ":$password=hunter2hunter2"])
def test_data_is_redacted_text_by_text(texts: list[str]) -> None:
    """Whatever stands beside a text changes nothing about it."""
    redactor = Redactor(known=lambda: ("hunter2hunter2-known",))

    assert redactor.value({"deep": [texts]}) == {"deep": [[redactor.text(text) for text in texts]]}
