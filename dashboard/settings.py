"""Django's settings, derived from `env.py`; nothing here reads the environment by itself."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from csp.constants import NONE, SELF

from dashboard import env as environment

ENV = environment.load()
ROOT = Path(__file__).resolve().parent.parent

# --- Where this server lives -------------------------------------------------------------------------------

BASE_URL = ENV.base_url
DEBUG = ENV.DEBUG
SECRET_KEY = environment.read_secret_key(ENV)
ALLOWED_HOSTS = [urlsplit(BASE_URL).hostname or "", "localhost", "127.0.0.1", "[::1]", *ENV.ALLOWED_HOSTS]
CSRF_TRUSTED_ORIGINS = [BASE_URL]
CSRF_FAILURE_VIEW = "dashboard.views.csrf_failure"
ROOT_URLCONF = "dashboard.urls"
WSGI_APPLICATION = "dashboard.wsgi.application"

HTTPS = BASE_URL.startswith("https://")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- Applications ------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "dashboard.organizations",
    "dashboard.billing",
    "dashboard.api",
    "finetunes",
    "playground",
    "dashboard.apps.DashboardConfig",
    "dashboard.apps.OperatorAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "csp",
    "django_htmx",
    "heroicons",
    "ninja",
    "template_partials",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "dashboard.api.lane.ProgramLaneMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "dashboard.lib.sessions.SecretCookieMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "dashboard.organizations.accounts.SessionActivityMiddleware",
    "dashboard.organizations.accounts.ProviderErrorsMiddleware",
    "dashboard.organizations.actors.ActorMiddleware",
    "dashboard.organizations.shell.LastOrganizationMiddleware",
    "dashboard.lib.errors.ErrorPagesMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dashboard.organizations.shell.shell",
                "dashboard.billing.shell.balance",
            ],
        },
    }
]

# --- Data --------------------------------------------------------------------------------------------------

SQLITE: dict[str, Any] = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": ENV.data_dir / "dashboard.sqlite3",
    # Opening the file costs seven times what else a poll costs.
    "CONN_MAX_AGE": None,
    "OPTIONS": {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;",
    },
    # A file, because worker threads of the tests open connections of their own.
    "TEST": {"NAME": ENV.data_dir / "test.sqlite3"},
}
POSTGRESQL_OPTIONS: dict[str, Any] = {"conn_max_age": 60, "conn_health_checks": True}
DATABASES: dict[str, Any] = {
    "default": dj_database_url.parse(ENV.DATABASE_URL, **POSTGRESQL_OPTIONS) if ENV.DATABASE_URL else SQLITE
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": ENV.REDIS_URL}
    if ENV.REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

DATA_DIR = ENV.data_dir
STORAGES = {
    "default": ENV.storage,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
S3_REDIRECT = ENV.S3_REDIRECT
MEDIA_ROOT = ENV.data_dir / "files"
# Beside the files wherever these end: uploads grow here, by many small writes.
UPLOADS_DIR = ENV.data_dir / "uploads"
# `up` makes the folder, on the disk where checkpoints end; without it Django uses the system's own.
FILE_UPLOAD_TEMP_DIR = UPLOADS_DIR if UPLOADS_DIR.is_dir() else None
# Every upload goes straight to a file: a checkpoint never stands in memory.
FILE_UPLOAD_HANDLERS = ["finetunes.uploads.form_files.FormFileHandler"]
# Four reference images of 20 MB in base64, and their JSON.
DATA_UPLOAD_MAX_MEMORY_SIZE = 112 * 2**20
MAX_CHECKPOINT_BYTES = ENV.MAX_CHECKPOINT_BYTES
STORAGE_QUOTA_BYTES = ENV.STORAGE_QUOTA_BYTES

STATIC_URL = "/static/"
STATICFILES_DIRS = [ROOT / "static"]
# Served straight from the sources, so that no step stands between a clone and its first page.
WHITENOISE_USE_FINDERS = True

# --- People ------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "organizations.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_ENGINE = "dashboard.lib.sessions"
SIGN_UP = ENV.SIGN_UP
REQUIRE_TWO_FACTOR = ENV.REQUIRE_TWO_FACTOR
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"

ALLAUTH_TRUSTED_PROXY_COUNT = ENV.TRUSTED_PROXIES
ACCOUNT_ADAPTER = "dashboard.organizations.accounts.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Finetunes Dashboard] "
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
# Also before a provider is connected, so that no other site can connect its own by a link.
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_FORMS = {"signup": "dashboard.organizations.forms.accounts.SignUpForm"}
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
MFA_ADAPTER = "dashboard.organizations.accounts.MfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Finetunes Dashboard"
# Nobody is in without a confirmed address; the other one is that of a change under way.
MFA_ALLOW_UNVERIFIED_EMAIL = True
# Browsers hold http://localhost for a secure place, and fido2 does so only when told.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS
USERSESSIONS_TRACK_ACTIVITY = True
SOCIALACCOUNT_ADAPTER = "dashboard.organizations.accounts.SocialAccountAdapter"
SOCIALACCOUNT_FORMS = {"signup": "dashboard.organizations.forms.accounts.SocialSignUpForm"}
# The operator chose the providers, so that their word on whose address it is counts.
SOCIALACCOUNT_EMAIL_AUTHENTICATION = True
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
# A form that ends at another host is against the policy's form-action; a link may go there.
SOCIALACCOUNT_LOGIN_ON_GET = True
SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": ENV.oidc, "OAUTH_PKCE_ENABLED": True}}

# --- E-mail ------------------------------------------------------------------------------------------------

EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if ENV.EMAIL_HOST else 'console'}.EmailBackend"
EMAIL_HOST = ENV.EMAIL_HOST or ""
EMAIL_PORT = ENV.EMAIL_PORT
EMAIL_HOST_USER = ENV.EMAIL_HOST_USER
EMAIL_HOST_PASSWORD = ENV.EMAIL_HOST_PASSWORD.get_secret_value()
EMAIL_USE_TLS = ENV.EMAIL_SECURITY == environment.EmailSecurity.STARTTLS
EMAIL_USE_SSL = ENV.EMAIL_SECURITY == environment.EmailSecurity.TLS
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = ENV.EMAIL_FROM

# --- Work --------------------------------------------------------------------------------------------------

BFL_API_URL = ENV.upstream_url
BFL_API_URLS = ENV.upstream_urls
BFL_API_KEY = ENV.BFL_API_KEY.get_secret_value() if ENV.BFL_API_KEY else "sandbox"
SANDBOX_PORT = ENV.SANDBOX_PORT
# It knows every finetune by its name; an account elsewhere has finetunes of its own, whose names are given out here.
UPSTREAM_IS_SANDBOX = ENV.BFL_API_URL is None
UPSTREAM_ORGANIZATIONS = ENV.UPSTREAM_ORGANIZATIONS
PROVIDERS = {"bfl": "playground.providers.bfl.BflProvider"}
ALLOW_PRIVATE_URLS = ENV.ALLOW_PRIVATE_URLS
WEBHOOK_STYLE = ENV.WEBHOOK_STYLE
MAX_ACTIVE_TASKS = ENV.MAX_ACTIVE_TASKS
REQUESTS_PER_SECOND = ENV.REQUESTS_PER_SECOND

OPENAI_WAIT_SECONDS = ENV.OPENAI_WAIT_SECONDS
OPENAI_WAITERS = ENV.OPENAI_WAITERS

# Without Redis the broker lives and dies with the one process; the database is the truth either way.
CELERY_EMBEDDED = ENV.REDIS_URL is None
CELERY_BROKER_URL = ENV.REDIS_URL or "memory://localhost/"
CELERY_BROKER_TRANSPORT_OPTIONS = {"polling_interval": 0.02} if CELERY_EMBEDDED else {}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "playground.tasks.sweep", "schedule": 5.0},
    "deliver-webhooks": {"task": "playground.tasks.deliver", "schedule": 5.0},
    "sweep-uploads": {"task": "finetunes.tasks.sweep", "schedule": 300.0},
    "sweep-idempotent-requests": {"task": "dashboard.api.tasks.sweep_requests", "schedule": 300.0},
    "empty-trash": {"task": "finetunes.tasks.empty_trash", "schedule": 300.0},
    "clear-deleted-finetunes": {"task": "finetunes.tasks.clear_deleted", "schedule": 300.0},
    "sweep-expired-generations": {"task": "playground.tasks.sweep_expired", "schedule": 3600.0},
    "sweep-references": {"task": "playground.tasks.sweep_references", "schedule": 3600.0},
    "sweep-sample-files": {"task": "finetunes.tasks.sweep_sample_files", "schedule": 86400.0},
    "sweep-reference-files": {"task": "playground.tasks.sweep_reference_files", "schedule": 86400.0},
    "clear-deleted-generations": {"task": "playground.tasks.clear_deleted", "schedule": 300.0},
}
CELERY_BEAT_SCHEDULE_FILENAME = str(ENV.data_dir / "celerybeat-schedule")

# --- The rest ----------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "filters": {
        "broke": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: getattr(record, "status_code", 500) not in (502, 503, 504),
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": ENV.LOG_LEVEL},
    "loggers": {
        # In place of Django's own handlers, so that every line comes out once and in one form.
        "django": {"handlers": [], "level": ENV.LOG_LEVEL, "propagate": True},
        # A refused request, also one that comes at a bad time (502 to 504), is news to its caller; the operator reads
        # of those that broke, and of a full disk (507).
        "django.request": {"level": "ERROR", "filters": ["broke"]},
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        "django.security.RequestDataTooBig": {"level": "CRITICAL"},
        "django.server": {"handlers": [], "level": ENV.LOG_LEVEL, "propagate": True},
    },
}
