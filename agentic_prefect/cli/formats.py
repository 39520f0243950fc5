"""The forms that a result is written in."""

from typing import Literal

Format = Literal["json", "yaml", "md", "html", "txt"]
