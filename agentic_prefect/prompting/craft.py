"""The rules of good templates, by name."""

from typing import Literal

Waivable = Literal[
    "missing-section", "no-output", "no-feedback", "no-description", "no-tests", "orphan-block", "unused-variable"
]
"""Rules that a template may break on purpose."""

Rule = Literal["front-matter", "syntax", "unknown-template", "unknown-variable"] | Waivable
"""What is looked at; the first four make a template useless and cannot be waived."""

Severity = Literal["error", "warning"]
