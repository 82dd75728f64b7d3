"""What is written for everybody: in Swedish, and in English where somebody wrote it."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from django.utils import translation

CODE_LENGTH = 12
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class Text:
    """A text in both languages; the Swedish one stands in where the English one is missing."""

    sv: str
    en: str = ""

    def __str__(self) -> str:
        return self.in_language(translation.get_language())

    @classmethod
    def of(cls, write: Callable[[], str]) -> Self:
        """Return a message of our own, written once in each language."""
        with translation.override("sv"):
            sv = write()
        with translation.override("en"):
            return cls(sv, write())

    def in_language(self, language: str | None) -> str:
        """Return the text for people who read that language."""
        return self.en if self.find_language(language) == "en" else self.sv

    def find_language(self, language: str | None) -> str:
        """Return the language that such people get it in."""
        return "en" if self.en and (language or "").startswith("en") else "sv"


def make_code() -> str:
    """Return a public name of 12 lower-case characters, as the Statuspage API has them."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(CODE_LENGTH))
