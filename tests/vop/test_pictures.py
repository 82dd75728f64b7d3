"""Pictures that people bring: what is taken, what is refused, and what is left of them."""

import io
import struct
import zlib

import pytest
from PIL import Image, ImageFile, PngImagePlugin

from vop.lib.pictures import (
    MOST_BYTES,
    MovingPictureError,
    PictureError,
    PictureTooLargeError,
    PictureTooSmallError,
    TooManyPixelsError,
    read_picture,
)


def paint(kind: str = "PNG", *, size: tuple[int, int] = (200, 100), mode: str = "RGB") -> bytes:
    """A picture in one colour."""
    file = io.BytesIO()
    Image.new(mode, size, "teal").save(file, kind)
    return file.getvalue()


def read(raw: bytes) -> Image.Image:
    return Image.open(io.BytesIO(read_picture(io.BytesIO(raw)).content))


def chunk(name: bytes, data: bytes) -> bytes:
    body = name + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def bomb(side: int) -> bytes:
    """A PNG of a few kilobytes that unpacks to side x side points."""
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * ((side // 8 + 1) * side), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_usual_pictures_become_small_webp(kind: str) -> None:
    kept = read(paint(kind, size=(1600, 800)))

    assert (kept.format, kept.size, kept.mode) == ("WEBP", (512, 256), "RGB")


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "1", "I;16"])
def test_unusual_modes_are_taken(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    file = io.BytesIO()
    Image.new(mode, (100, 100)).save(file, kind)

    assert read(file.getvalue()).mode == "RGB"


def test_transparency_stays() -> None:
    file = io.BytesIO()
    Image.new("RGBA", (100, 100), (0, 0, 0, 0)).save(file, "PNG")

    kept = read(file.getvalue())

    assert kept.mode == "RGBA"
    assert kept.getpixel((50, 50)) == (0, 0, 0, 0)


def test_nothing_but_the_points_is_left() -> None:
    file, secret = io.BytesIO(), PngImagePlugin.PngInfo()
    secret.add_text("Comment", "59.33N 18.06E")
    exif = Image.Exif()
    exif[0x010E] = "Anna Andersson"
    image = Image.new("RGB", (200, 100))
    image.save(file, "PNG", pnginfo=secret, exif=exif, icc_profile=b"not a profile")

    content = read_picture(io.BytesIO(file.getvalue() + b"<script>alert(1)</script>")).content

    for left in (b"59.33N", b"Anna", b"script", b"EXIF", b"ICCP", b"XMP"):
        assert left not in content


def test_picture_taken_sideways_stands_upright() -> None:
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6  # turn by 90 degrees
    Image.new("RGB", (200, 100)).save(file, "JPEG", exif=exif)

    assert read(file.getvalue()).size == (100, 200)


def test_bomb_is_refused_before_it_is_unpacked() -> None:
    for side in (4000, 12_000, 20_000):  # over ours, over Pillow's warning, over its error
        raw = bomb(side)
        assert len(raw) < MOST_BYTES
        with pytest.raises(TooManyPixelsError):
            read_picture(io.BytesIO(raw))


def test_bomb_in_its_texts_is_refused() -> None:
    raw = paint()
    text = chunk(b"zTXt", b"k\0\0" + zlib.compress(b"a" * 5_000_000))

    with pytest.raises(PictureError):
        read_picture(io.BytesIO(raw[:33] + text + raw[33:]))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a" + b"\0" * 100,
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"%PDF-1.7",
        b"\xff\xd8\xff\xe0" + b"\0" * 2000,
        b"RIFF\x10\0\0\0WEBPVP8 " + b"\0" * 64,
    ],
)
def test_what_is_no_picture_is_refused(raw: bytes) -> None:
    with pytest.raises(PictureError):
        read_picture(io.BytesIO(raw))


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "ICO"])
def test_other_formats_are_refused(kind: str) -> None:
    with pytest.raises(PictureError):
        read_picture(io.BytesIO(paint(kind, size=(100, 100))))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
def test_truncated_picture_is_refused(
    kind: str, part: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # as importing WeasyPrint does
    noise = Image.effect_noise((300, 300), 80).convert("RGB")
    file = io.BytesIO()
    noise.save(file, kind)
    raw = file.getvalue()

    with pytest.raises(PictureError):
        read_picture(io.BytesIO(raw[: int(len(raw) * part)]))


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_picture_that_moves_is_refused(kind: str) -> None:
    file = io.BytesIO()
    frames = [Image.new("RGB", (100, 100), colour) for colour in ("teal", "red")]
    frames[0].save(file, kind, save_all=True, append_images=frames[1:])

    with pytest.raises(MovingPictureError):
        read_picture(io.BytesIO(file.getvalue()))


def test_too_large_and_too_small_are_told_apart() -> None:
    with pytest.raises(PictureTooLargeError):
        read_picture(io.BytesIO(paint() + b"\0" * MOST_BYTES))
    with pytest.raises(PictureTooSmallError):
        read_picture(io.BytesIO(paint(size=(63, 400))))


def test_broken_bytes_anywhere_never_get_past() -> None:
    """Every refusal is one of ours: nothing that a library raises becomes a server error."""
    for kind in ("PNG", "JPEG", "WEBP"):
        raw = paint(kind)
        for place in range(0, len(raw), max(1, len(raw) // 120)):
            broken = raw[:place] + bytes([raw[place] ^ 0xFF]) + raw[place + 1 :]
            try:
                read_picture(io.BytesIO(broken))
            except PictureError:
                continue
