"""The settings with the environment of a test run; DATABASE_URL and REDIS_URL choose the stores."""

import os
import tempfile

# Tests that run side by side empty their own cache, not each other's.
worker = os.environ.get("PYTEST_XDIST_WORKER", "")
os.environ["VOP_VAR"] = tempfile.mkdtemp(prefix=f"vop-test-{worker}")
if worker and "REDIS_URL" in os.environ:
    server, _slash, _number = os.environ["REDIS_URL"].rpartition("/")
    os.environ["REDIS_URL"] = f"{server}/{int(worker.removeprefix('gw')) + 1}"
os.environ.setdefault("SECRET_KEY", "tests-only")
os.environ.setdefault("VOP_ENCRYPTION_KEYS", "LN8DwHqzB0VCU1Fi9M6TmWLoZ8Xgh1cZfwbGpYc7UqY=")
os.environ.setdefault("BASE_URL", "http://localhost:8000")
os.environ.setdefault("CELERY_BROKER_URL", "memory://")
os.environ.setdefault("DEMO", "1")

from vop.settings import *  # noqa: E402, F403 (after the environment)

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STORAGES["staticfiles"] = {  # noqa: F405 (no collectstatic before a test)
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
}
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # noqa: F405 (WhiteNoise looks for it)
ALLOWED_HOSTS = ["*"]
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    # A file, as in the demo: a database in memory locks whole tables, and races need real locks.
    DATABASES["default"]["TEST"] = {"NAME": str(VAR / "test.sqlite3")}  # noqa: F405

OIDC_KEYS_REMEMBERED_SECONDS = 0.0  # every test has keys of its own
