"""Pictures that people bring: looked at in full, made small, and written anew.

What leaves here was drawn by us from the picture's points: no metadata, nothing hidden behind the
end of the file, one format that every browser knows. A drawing in SVG is a program and is refused.
"""

import hashlib
import io
import struct
from dataclasses import dataclass
from typing import IO, Final

from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageFile, ImageOps

from vop.lib.errors import DomainError

MOST_BYTES: Final = 2 * 1024 * 1024
MOST_PIXELS: Final = 12_000_000  # 48 MB once unpacked, whatever the file's size
LEAST_SIDE: Final = 64  # pixels
SIDE: Final = 512  # pixels of the longer side as kept: sharp at 176 px on a dense screen
CONTENT_TYPE: Final = "image/webp"
_FORMATS: Final = ["PNG", "JPEG", "WEBP"]
_QUALITY: Final = 88


class PictureError(DomainError):
    message = _("The file can't be read as a picture. Choose a PNG, JPEG or WebP file.")


class PictureTooLargeError(PictureError):
    message = _("The file is too large: at most 2 MB. Save the picture smaller and try again.")


class TooManyPixelsError(PictureError):
    message = _("The picture is too large: at most 12 megapixels. Make it smaller and try again.")


class PictureTooSmallError(PictureError):
    message = _("The picture is too small: each side must have at least 64 pixels.")


class MovingPictureError(PictureError):
    message = _("The picture moves. Choose one that stands still.")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as we keep it: its bytes, and the SHA-256 that its address carries."""

    content: bytes
    sha256: str


def read_picture(file: IO[bytes]) -> Picture:
    """Decode a PNG, JPEG or WebP file whole and return it small, upright and without metadata.

    The format follows from the bytes; name and declared type are ignored. The size in pixels is
    checked before anything is unpacked.

    Raises: PictureTooLargeError, TooManyPixelsError, PictureTooSmallError, MovingPictureError,
    PictureError.
    """
    raw = file.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise PictureTooLargeError
    try:
        content = _draw_anew(raw)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooManyPixelsError from error
    except (OSError, ValueError, SyntaxError, EOFError, OverflowError) as error:
        raise PictureError from error
    except (struct.error, IndexError, KeyError, TypeError) as error:  # of broken chunks and tags
        raise PictureError from error
    return Picture(content, hashlib.sha256(content).hexdigest())


def _draw_anew(raw: bytes) -> bytes:
    # WeasyPrint, once imported, lets pictures pass that end too early, in the whole process.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    with Image.open(io.BytesIO(raw), formats=_FORMATS) as picture:
        _check_size(picture)
        picture.load()
        upright = ImageOps.exif_transpose(picture)
    kept = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    kept.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    clean = Image.new(kept.mode, kept.size)
    clean.paste(kept)
    clean.save(out, "WEBP", quality=_QUALITY, method=6)
    return out.getvalue()


def _check_size(picture: Image.Image) -> None:
    """Look at what the header says; `load` refuses a file that holds something else."""
    if picture.width * picture.height > MOST_PIXELS:
        raise TooManyPixelsError
    if min(picture.size) < LEAST_SIDE:
        raise PictureTooSmallError
    if getattr(picture, "is_animated", False):
        raise MovingPictureError
