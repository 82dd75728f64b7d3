"""The pictures of the demo's services, drawn here: four shapes on a colour of its own each."""

import io
from collections.abc import Callable, Mapping
from typing import Final

from PIL import Image, ImageDraw

from vop.lib.pictures import Picture, read_picture

_SIDE: Final = 1024
_INK: Final = "#ffffff"
_Pen = ImageDraw.ImageDraw
_COLOURS: Final[Mapping[str, tuple[str, str]]] = {
    "bokforing": ("#0c5f60", "#8fd0cc"),
    "lon": ("#2f4f8f", "#a9bfec"),
    "tid": ("#7a3b69", "#e3b3d5"),
    "kvitto": ("#8a4b1f", "#f0c39f"),
}
PICTURE_TEXTS: Final[Mapping[str, str]] = {
    "bokforing": "En uppslagen bok",
    "lon": "En mynthög",
    "tid": "En klocka",
    "kvitto": "Ett kvitto",
}


def draw_picture(slug: str) -> Picture:
    """Draw the picture of a demo service."""
    ground, soft = _COLOURS[slug]
    image = Image.new("RGB", (_SIDE, _SIDE), ground)
    _DRAWINGS[slug](ImageDraw.Draw(image), soft)
    file = io.BytesIO()
    image.save(file, "PNG")
    file.seek(0)
    return read_picture(file)


def _book(pen: _Pen, soft: str) -> None:
    pen.polygon([(190, 320), (500, 390), (500, 780), (190, 710)], fill=_INK)
    pen.polygon([(834, 320), (524, 390), (524, 780), (834, 710)], fill=soft)
    for row in range(3):
        y = 430 + row * 90
        pen.line([(250, y), (440, y + 43)], fill=soft, width=26)
        pen.line([(774, y), (584, y + 43)], fill=_INK, width=26)


def _coins(pen: _Pen, soft: str) -> None:
    for x, count in ((330, 3), (690, 5)):
        for number in range(count):
            y = 740 - number * 92
            fill = soft if number % 2 else _INK
            pen.rounded_rectangle([x - 150, y, x + 150, y + 66], radius=33, fill=fill)


def _clock(pen: _Pen, soft: str) -> None:
    pen.ellipse([202, 202, 822, 822], fill=_INK)
    pen.ellipse([272, 272, 752, 752], fill=soft)
    pen.line([(512, 512), (512, 332)], fill=_INK, width=52)
    pen.line([(512, 512), (642, 592)], fill=_INK, width=52)
    pen.ellipse([472, 472, 552, 552], fill=_INK)


def _receipt(pen: _Pen, soft: str) -> None:
    teeth = [(290 + step * 74, 820 if step % 2 else 760) for step in range(7)]
    pen.polygon([(290, 210), (734, 210), *reversed(teeth)], fill=_INK)
    for row, length in enumerate((300, 220, 300, 150)):
        y = 310 + row * 100
        pen.rounded_rectangle([362, y, 362 + length, y + 38], radius=19, fill=soft)


_DRAWINGS: Final[Mapping[str, Callable[[_Pen, str], None]]] = {
    "bokforing": _book,
    "lon": _coins,
    "tid": _clock,
    "kvitto": _receipt,
}
