"""Our fonts as documents embed them: the weights in use, cut out of the variable font."""

import functools
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.conf import settings

WEIGHTS: Final = (400, 600, 700)
_FAMILIES: Final = {
    "Figtree": "figtree-latin-wght-normal.woff2",
    "Figtree Extended": "figtree-latin-ext-wght-normal.woff2",
}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Font:
    """A font of one weight, as a style sheet names it."""

    family: str
    weight: int
    url: str


def cut_fonts() -> Sequence[Font]:
    """Return the fonts, cut when this process first asks: cutting them anew for each document
    takes a third of its time.
    """
    with _lock:
        return _cut()[1]


@functools.cache
def _cut() -> tuple[Any, Sequence[Font]]:
    from fontTools.ttLib import TTFont  # noqa: PLC0415 (slow to load)
    from fontTools.varLib.instancer import instantiateVariableFont  # noqa: PLC0415

    folder = tempfile.TemporaryDirectory(prefix="vop-fonts-")  # lives as long as the process
    fonts = []
    for family, name in _FAMILIES.items():
        for weight in WEIGHTS:
            source = TTFont(settings.BASE_DIR / "static" / "fonts" / name, recalcTimestamp=False)
            font = instantiateVariableFont(source, {"wght": weight})
            font.flavor = None
            file = Path(folder.name) / f"{Path(name).stem}-{weight}.ttf"
            font.save(file)
            fonts.append(Font(family, weight, file.as_uri()))
    return folder, fonts
