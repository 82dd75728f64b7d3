"""The settings of the platform: one module, read from the environment.

The sections follow Django's own order of concerns: place, secrets, apps, requests, templates,
data, cache and queue, people and sign-in, security headers, languages, files, mail, log.
docs/configuration.md lists every variable; a missing one is named at start, all at once.
"""

from pathlib import Path
from typing import Any

import structlog
from celery.schedules import crontab
from csp.constants import NONE, SELF
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _
from environs import Env

from vop.lib.logs import LineFormatter, hide_secrets, write_json

# --- Place ---------------------------------------------------------------------------------------

BASE_DIR = Path(__file__).resolve().parent.parent

env = Env(eager=False)
VAR: Path = Path(Env().str("VOP_VAR", str(BASE_DIR / "var"))).resolve()
if (VAR / "env").is_file():  # written by bin/demo; the process environment wins over it
    env.read_env(str(VAR / "env"), recurse=False)

# --- Secrets and addresses -----------------------------------------------------------------------

DEBUG: bool = env.bool("DEBUG", False)
DEMO: bool = env.bool("DEMO", False)  # demo_data refuses to run without it
SECRET_KEY: str = env.str("SECRET_KEY")
ENCRYPTION_KEYS: list[str] = env.list("VOP_ENCRYPTION_KEYS")  # Fernet keys, newest first
BASE_URL: str = env.str("BASE_URL")  # https://konto.exempel.se, no slash at the end
STATUS_URL: str = env.str("STATUS_URL", "http://localhost:8001")
DEMO_SERVICE_URL: str = env.str("DEMO_SERVICE_URL", "http://localhost:8002")
DATABASE_URL: dict[str, Any] = env.dj_db_url("DATABASE_URL", f"sqlite:///{VAR / 'vop.sqlite3'}")
# Statements stay prepared per connection; off behind a pooler that hands out connections anew.
DATABASE_KEEPS_PLANS: bool = env.bool("DATABASE_KEEPS_PLANS", True)
REDIS_URL: str = env.str("REDIS_URL", "")
CELERY_BROKER_URL: str = env.str("CELERY_BROKER_URL", REDIS_URL or "filesystem://")
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", ["localhost", "127.0.0.1"])
TRUSTED_PROXY_COUNT: int = env.int("TRUSTED_PROXY_COUNT", 0)
EMAIL_URL: dict[str, Any] = env.dj_email_url("EMAIL_URL", "")
DEFAULT_FROM_EMAIL: str = env.str("DEFAULT_FROM_EMAIL", "vop <no-reply@localhost>")
# Hosts of our own network that clients' addresses may lead to: logout, keys (docs/oidc.md).
OIDC_LOGOUT_ALLOWED_HOSTS: list[str] = env.list(
    "OIDC_LOGOUT_ALLOWED_HOSTS", ["localhost", "127.0.0.1", "::1"] if DEMO else []
)
# Hosts of our own network that webhooks of billing may lead to (docs/billing.md).
ERP_ALLOWED_HOSTS: list[str] = env.list(
    "ERP_ALLOWED_HOSTS", ["localhost", "127.0.0.1", "::1"] if DEMO else []
)
VAT_LOOKUP: str = env.str("VAT_LOOKUP", "billing.protocol.ask_vies")
COMPANY_REGISTER: str = env.str(
    "COMPANY_REGISTER", f"companies.protocol.ask_{'offline' if DEMO else 'registers'}"
)
COMPANY_REGISTER_FILE: Path = Path(
    env.str("COMPANY_REGISTER_FILE", str(BASE_DIR / "vop/demo/register.json"))
)
BOLAGSVERKET_CLIENT_ID: str = env.str("BOLAGSVERKET_CLIENT_ID", "")
BOLAGSVERKET_CLIENT_SECRET: str = env.str("BOLAGSVERKET_CLIENT_SECRET", "")
BOLAGSVERKET_URL: str = env.str(
    "BOLAGSVERKET_URL", "https://gw.api.bolagsverket.se/vardefulla-datamangder/v1"
)
BOLAGSVERKET_TOKEN_URL: str = env.str(
    "BOLAGSVERKET_TOKEN_URL", "https://portal.api.bolagsverket.se/oauth2/token"
)
SECURITY_CONTACT: str = env.str("SECURITY_CONTACT", "mailto:security@localhost")
LOG_LEVEL: str = env.str("LOG_LEVEL", "INFO")
LOG_JSON: bool = env.bool("LOG_JSON", not DEBUG)
STATUS_DIR: Path = Path(env.str("STATUS_DIR", str(VAR / "status")))
env.seal()

HTTPS = BASE_URL.startswith("https://")
OIDC_ISSUER = f"{BASE_URL}/oidc"

# --- Apps ----------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "vop.apps.PlatformConfig",
    "vop.lib.outbox",
    "auditlog",
    "accounts",
    "companies",
    "services",
    "oidc",
    "billing",
    "stats",
    "statuspage",
    "vop.apps.ProviderConfig",  # django-oidc-provider with its own key type, see vop/apps.py
    "vop.apps.StaffConfig",  # Django admin behind our own sign-in
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_countries",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",  # the templates of its inputs, for FORM_RENDERER
    "django_structlog",
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Requests ------------------------------------------------------------------------------------

ROOT_URLCONF = "vop.urls"
WSGI_APPLICATION = "vop.wsgi.application"
MIDDLEWARE = [
    "vop.middleware.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "vop.middleware.RequestFactsMiddleware",
    "oidc.middleware.EndpointMiddleware",  # answers services, whose requests need nothing below
    "vop.middleware.PolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.ActorMiddleware",
    "vop.middleware.RequestLogMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "vop.middleware.WrongMethodMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "oidc.middleware.ProviderMiddleware",
]

# --- Templates and forms -------------------------------------------------------------------------

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "vop.templatetags.ui",
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "vop.context.portal",
            ],
        },
    }
]
FORM_RENDERER = "vop.lib.forms.FormRenderer"

# --- Data ----------------------------------------------------------------------------------------

DATABASES = {"default": {**DATABASE_URL, "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}}
if DATABASES["default"]["ENGINE"].endswith("postgresql"):
    DATABASES["default"]["ENGINE"] = "vop.lib.postgresql"
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",  # two writers queue up instead of failing half-way
        "timeout": 20,
        # Triggers that refuse a DELETE must see the one inside INSERT OR REPLACE too.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
        " PRAGMA recursive_triggers=ON;",
    }

# --- Cache and queue -----------------------------------------------------------------------------

CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "vop.lib.cache.RedisCache",
        "LOCATION": REDIS_URL,
    }
    if REDIS_URL
    else {
        # Shared by the processes of one machine, so that rate limits hold across them.
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": str(VAR / "cache"),
    }
}
CELERY_TIMEZONE = "Europe/Stockholm"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {}
if CELERY_BROKER_URL.startswith("filesystem"):
    (VAR / "broker" / "queue").mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(VAR / "broker" / "queue"),
        "data_folder_out": str(VAR / "broker" / "queue"),
        "control_folder": str(VAR / "broker" / "control"),
        "store_processed": False,
        "polling_interval": 0.05,  # seconds; kombu's own is a whole one, and a job waits in line
    }
CELERY_BEAT_SCHEDULE = {
    "sweep-jobs": {"task": "vop.sweep_jobs", "schedule": 30.0},
    "purge-sessions": {"task": "accounts.purge_sessions", "schedule": crontab(minute="50")},
    "purge-jobs": {"task": "vop.purge_jobs", "schedule": crontab(hour="4", minute="10")},
    "settle-mandates": {"task": "companies.settle_mandates", "schedule": 60.0},
    "remind-of-mandates": {"task": "companies.remind_of_mandates", "schedule": crontab(minute="5")},
    "open-reviews": {"task": "companies.open_reviews", "schedule": crontab(hour="5", minute="15")},
    "remind-of-reviews": {"task": "companies.remind_of_reviews", "schedule": crontab(minute="6")},
    "close-reviews": {"task": "companies.close_due_reviews", "schedule": crontab(minute="*/10")},
    "tell-renewals": {
        "task": "billing.tell_renewals",
        "schedule": crontab(minute="15", hour="7-18"),
    },
    "run-billing": {"task": "billing.run_renewals", "schedule": crontab(minute="20")},
    "release-held": {"task": "billing.release_held", "schedule": crontab(minute="25")},
    "late-billing": {"task": "billing.warn_of_late_run", "schedule": crontab(minute="35")},
    "tell-erp": {"task": "billing.plan_deliveries", "schedule": 60.0},
    "purge-erp-calls": {"task": "billing.purge_calls", "schedule": crontab(hour="4", minute="40")},
    "tick-status": {"task": "statuspage.tick", "schedule": 60.0},
    "plan-updates": {"task": "statuspage.plan_updates", "schedule": crontab(hour="4", minute="30")},
    "rotate-signing-keys": {"task": "oidc.rotate_signing_keys", "schedule": crontab(minute="40")},
    "end-lapsed-grants": {"task": "oidc.end_lapsed_grants", "schedule": 30.0},
    "purge-oidc": {"task": "oidc.purge_expired", "schedule": crontab(hour="4", minute="20")},
}

# --- People and sign-in --------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.adapter.SignInBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = reverse_lazy("account_login")
LOGIN_REDIRECT_URL = reverse_lazy("home")
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_FORMS = {
    "login": "accounts.forms.SignInForm",
    "reset_password": "accounts.forms.ForgottenPasswordForm",
    "reset_password_from_key": "accounts.forms.NewPasswordForm",
    "change_password": "accounts.forms.OtherPasswordForm",
    "set_password": "accounts.forms.FirstPasswordForm",
    "reauthenticate": "accounts.forms.ConfirmPasswordForm",
    "add_email": "accounts.forms.EmailForm",
    "confirm_email_verification_code": "accounts.forms.EmailCodeForm",
}
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_LOGOUT_REDIRECT_URL = reverse_lazy("account_login")
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_RATE_LIMITS = {"login": None}  # counted by accounts.views.sign_in, in one command
PASSWORD_RESET_TIMEOUT = 2 * 60 * 60
ACCOUNT_CHANGE_EMAIL = True
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXY_COUNT
MFA_ADAPTER = "accounts.adapter.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "vop"
MFA_FORMS = {
    "authenticate": "accounts.forms.SecondStepForm",
    "reauthenticate": "accounts.forms.ConfirmCodeForm",
    "activate_totp": "accounts.forms.TotpForm",
}

# --- Provider (django-oidc-provider) -------------------------------------------------------------

SITE_URL = BASE_URL
OIDC_LOGIN_URL = "/login/"
OIDC_CODE_EXPIRE = 60
OIDC_TOKEN_EXPIRE = 600
OIDC_IDTOKEN_EXPIRE = 600
OIDC_KEYS_REMEMBERED_SECONDS = 30.0  # how long a process trusts the signing keys that it read

# --- Security headers ----------------------------------------------------------------------------

SESSION_ENGINE = "accounts.adapter"  # rows that say whose they are
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_SERIALIZER = "django.contrib.sessions.serializers.JSONSerializer"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "vop.views.csrf_failure"
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_AGE = 365 * 24 * 60 * 60
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^-/"]  # health checks come from inside, over plain HTTP
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXY_COUNT else None
SECURE_HSTS_SECONDS = 2 * 365 * 24 * 60 * 60 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],  # oidc.middleware adds the asking service's origin where needed
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
PERMISSIONS_POLICY = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"

# --- Languages and time --------------------------------------------------------------------------

LANGUAGE_CODE = "sv"
LANGUAGES = [("sv", _("Swedish")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "Europe/Stockholm"
USE_TZ = True

# --- Files ---------------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = VAR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": VAR / "files"},
    },
    "staticfiles": {"BACKEND": "vop.lib.static.ManifestStorage"},
}

# --- Mail ----------------------------------------------------------------------------------------

EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = str(VAR / "mail")
EMAIL_TIMEOUT = 20
if EMAIL_URL.get("EMAIL_HOST"):
    EMAIL_BACKEND = EMAIL_URL["EMAIL_BACKEND"]
    EMAIL_HOST = EMAIL_URL["EMAIL_HOST"]
    EMAIL_PORT = EMAIL_URL["EMAIL_PORT"]
    EMAIL_HOST_USER = EMAIL_URL["EMAIL_HOST_USER"]
    EMAIL_HOST_PASSWORD = EMAIL_URL["EMAIL_HOST_PASSWORD"]
    EMAIL_USE_TLS = EMAIL_URL["EMAIL_USE_TLS"]
    EMAIL_USE_SSL = EMAIL_URL["EMAIL_USE_SSL"]

# --- Log -----------------------------------------------------------------------------------------

_shared_processors: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
structlog.configure(
    processors=[
        *_shared_processors,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "structured": {
            "()": LineFormatter,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                hide_secrets,
                structlog.processors.JSONRenderer(write_json)
                if LOG_JSON
                else structlog.dev.ConsoleRenderer(colors=False),
            ],
            "foreign_pre_chain": _shared_processors,
        }
    },
    "filters": {"database_away": {"()": "vop.lib.logs.DatabaseAwayFilter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # Its debug lines carry codes, tokens and client secrets (docs/oidc.md).
        "oidc_provider": {"level": "WARNING"},
        "django.security.DisallowedHost": {"level": "ERROR"},
        # A dozen lines of progress for each PDF.
        "weasyprint": {"level": "WARNING"},
        "fontTools": {"level": "WARNING"},
        "django.request": {"filters": ["database_away"]},
        "django_structlog.middlewares.request": {"filters": ["database_away"]},
    },
}
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_USER_ID_FIELD = "pk"
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False  # the log keeps no personal data; events do
