"""The command `cutout` as tests call it, and what it leaves behind."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Done:
    code: int
    out: bytes
    err: str


class Cutout(Protocol):
    def __call__(self, *arguments: object, stdin: bytes = b"") -> Done: ...
