"""The whole public site as files in memory: pages in both languages, the API, the assets."""

import hashlib
from datetime import datetime
from pathlib import Path

from django.contrib.staticfiles import finders

from statuspage.queries import Snapshot
from statuspage.rendering.api import dump, render_api
from statuspage.rendering.pages import Site, render_pages

STAMP = "generated.json"

__all__ = ["STAMP", "render_site"]

# A name with a hash of the content: browsers may keep these for as long as they like.
_HASHED = {"tokens": "css/tokens.css", "style": "status/status.css", "age": "status/age.js"}
_PLAIN = {
    # Where the style looks for them, here as in the platform's own static files.
    "fonts/figtree-latin-wght-normal.woff2": "fonts/figtree-latin-wght-normal.woff2",
    "fonts/figtree-latin-ext-wght-normal.woff2": "fonts/figtree-latin-ext-wght-normal.woff2",
    "favicon.svg": "img/favicon.svg",
}


def render_site(snapshot: Snapshot, *, now: datetime) -> dict[str, bytes]:
    """Return every file of the site by its path.

    Apart from the moment of making, the bytes depend on the snapshot alone.
    """
    api = render_api(snapshot)
    hashed, assets = {}, {}
    for name, source in _HASHED.items():
        content = _read(source)
        stem, suffix = Path(source).stem, Path(source).suffix
        assets[name] = f"assets/{stem}.{_digest(content)}{suffix}"
        hashed[assets[name]] = content
    version = _digest(b"".join([*(api[path] for path in sorted(api)), str(assets).encode()]))
    pages = render_pages(snapshot, Site(generated_at=now, version=version, assets=assets))
    return {
        **hashed,
        **{path: _read(source) for path, source in _PLAIN.items()},
        **api,
        **pages,
        STAMP: dump({"generated_at": now.isoformat(timespec="seconds"), "version": version}),
    }


def _read(source: str) -> bytes:
    found = finders.find(source)
    if not found:
        raise FileNotFoundError(f"static/{source}")
    return Path(found).read_bytes()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
