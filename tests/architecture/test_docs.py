"""What can be checked of the docs: links lead somewhere, lists are whole, names exist."""

import importlib
import re
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest
from django.apps import apps
from django.dispatch import Signal

from tests.architecture.tree import ROOMS, ROOT, name

DOCS = sorted(
    file
    for file in chain(
        ROOT.glob("*.md"), (ROOT / "docs").rglob("*.md"), (ROOT / "deploy").rglob("*.md")
    )
    if "node_modules" not in file.parts  # an example's own, once it is installed
)
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]+)")
ABBREVIATED = re.compile(r"`(\w+)\.signals\.(\w+)`((?:, `\w+`)*)")


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("file", DOCS, ids=name)
def test_links_lead_somewhere(file: Path) -> None:
    text = file.read_text(encoding="utf-8")

    assert [link for link in LINK.findall(text) if not (file.parent / link).exists()] == []


def test_map_of_the_readme_shows_every_page() -> None:
    """A page is linked, or the folder that it stands in."""
    shown = {(ROOT / link).resolve() for link in LINK.findall(read("README.md"))}
    pages = (ROOT / "docs").rglob("*.md")

    assert [name(page) for page in pages if not shown & {page, page.parent}] == []


def test_readme_has_a_door_to_every_room() -> None:
    text = read("README.md")

    assert [room for room in ROOMS if f"[`{room}/`]({room})" not in text] == []


def test_every_signal_is_listed_once() -> None:
    listed: Counter[str] = Counter()
    for room, first, more in ABBREVIATED.findall(read("docs/architecture.md")):
        listed.update(f"{room}.{signal}" for signal in [first, *re.findall(r"`(\w+)`", more)])
    sent = {
        f"{room}.{key}"
        for room in ROOMS
        if (ROOT / room / "signals.py").exists()
        for key, value in vars(importlib.import_module(f"{room}.signals")).items()
        if isinstance(value, Signal)
    }

    assert listed == dict.fromkeys(sent, 1)


def test_tables_in_the_glossary_exist() -> None:
    """A word that isn't built yet stands there without its room."""
    named = re.findall(rf"`({'|'.join(ROOMS)}|outbox)\.([A-Z]\w+)`", read("docs/glossary.md"))
    kept = {(model._meta.app_label, model.__name__) for model in apps.get_models()}
    missing = [
        f"{room}.{word}"
        for room, word in named
        if (room, word) not in kept and not hasattr(importlib.import_module(f"{room}.models"), word)
    ]

    assert named
    assert missing == []
