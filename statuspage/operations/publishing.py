"""Writing the public site: files that live on when everything else is down."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from statuspage.queries import list_public_codes, load_snapshot
from statuspage.rendering import STAMP, render_site

REPUBLISH_AFTER = timedelta(seconds=110)


@dataclass(frozen=True, slots=True)
class Publication:
    """What one publishing did."""

    folder: Path
    generated_at: datetime
    written: int
    unchanged: int
    removed: int


def publish_site(*, out: Path, now: datetime) -> Publication:
    """Write the whole site into a folder; each file is replaced whole, or not at all.

    Publishers wait for each other before they read the database, so that the last one to write
    is the one that knows most.
    """
    out.mkdir(parents=True, exist_ok=True)
    with _alone_in(out):
        for left_over in out.rglob(".*.new"):
            left_over.unlink()
        files = render_site(load_snapshot(now), now=now)
        # The stamp goes last: what it vouches for is in place.
        paths = sorted(files, key=lambda path: (path == STAMP, path))
        written = sum(_replace(out / path, files[path]) for path in paths)
        removed = _remove_private(out, list_public_codes())
    return Publication(out, now, written, len(files) - written, removed)


def is_publication_due(*, out: Path, now: datetime) -> bool:
    """Tell whether the published site is getting old, or isn't there."""
    try:
        stamp = json.loads((out / STAMP).read_text(encoding="utf-8"))
        generated_at = datetime.fromisoformat(stamp["generated_at"])
    except (OSError, ValueError, KeyError):
        return True
    return now - generated_at >= REPUBLISH_AFTER


@contextmanager
def _alone_in(out: Path) -> Iterator[None]:
    with (out / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _replace(path: Path, content: bytes) -> bool:
    if path.is_file() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    fresh.write_bytes(content)
    fresh.replace(path)
    return True


def _remove_private(out: Path, public_codes: set[str]) -> int:
    """Take away the page of an incident whose components were all taken off the page."""
    pages = [*out.glob("incidents/*.html"), *out.glob("en/incidents/*.html")]
    private = [page for page in pages if page.stem not in public_codes]
    for page in private:
        page.unlink()
    return len(private)
