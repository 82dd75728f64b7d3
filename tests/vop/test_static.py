"""The names of static files in production: with a hash, worked out once."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from vop.lib.static import ManifestStorage


def test_address_of_a_static_file_carries_its_hash_and_stays(tmp_path: Path, settings: Any) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "vop.lib.static.ManifestStorage"},
    }
    call_command("collectstatic", interactive=False, verbosity=0)
    storage = ManifestStorage()

    first = storage.url("css/base.css")
    assert first.startswith("/static/css/base.")
    assert first.endswith(".css")
    assert first != "/static/css/base.css"
    (tmp_path / "staticfiles.json").unlink()
    assert storage.url("css/base.css") == first
    with pytest.raises(ValueError, match="Missing staticfiles manifest entry"):
        storage.url("css/none.css")
