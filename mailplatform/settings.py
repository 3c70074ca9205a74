"""Settings of mailplatform. Everything that differs between machines comes from the environment (.env.example).

Values that an administrator may change while the site runs are in `accounts.Installation`, not here.
"""

from pathlib import Path
from typing import Any

import django_stubs_ext
import structlog

from mailplatform import embedded, env
from mailplatform.core import database, logs

# Lets ModelForm[Thing] and Field[str] be written in code, not only in comments.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.str("MAILPLATFORM_DATA_DIR", str(BASE_DIR / ".data")))

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.secret("SECRET_KEY", data_dir=DATA_DIR)
# Addresses' keyed hashes and links in sent mail depend on this one: it must never change.
DATA_KEY = env.secret("DATA_KEY", data_dir=DATA_DIR)
PUBLIC_URL = env.str("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", [PUBLIC_URL])
SECURE = PUBLIC_URL.startswith("https://")

INSTALLED_APPS = [
    "mailplatform.apps.MailplatformConfig",
    "mailplatform.accounts",
    "subscribers",
    "campaigns",
    "events",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "django.contrib.sites",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "django_structlog",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "mailplatform.core.static_files.StaticFilesMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "mailplatform.accounts.middleware.FloodMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "mailplatform.accounts.middleware.SignInMiddleware",
    "mailplatform.accounts.middleware.ZoneMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
]

ROOT_URLCONF = "mailplatform.urls"
ASGI_APPLICATION = "mailplatform.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES: list[dict[str, Any]] = [
    {
        "NAME": "pages",
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates" / "pages"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "mailplatform.accounts.context.shell",
            ],
        },
    },
    {
        "NAME": "email",
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates" / "email"],
        "APP_DIRS": False,
        "OPTIONS": {},
    },
]

# Two roles (see ARCHITECTURE.md): the application may not change tables, nor its own consent ledger.
DATABASE_URL = env.str("DATABASE_URL", embedded.database_url(DATA_DIR))
DATABASE_OWNER_URL = env.str("DATABASE_OWNER_URL", embedded.database_owner_url(DATA_DIR))
DATABASES = {"default": database.from_url(DATABASE_URL), "owner": database.from_url(DATABASE_OWNER_URL)}
REDIS_URL = env.str("REDIS_URL", embedded.redis_url(DATA_DIR))

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "events:dashboard"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
# Who has no account here gets no mail from us, whoever types their address into the form.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "mailplatform.accounts.adapter.ClosedAdapter"
# Guessing passwords becomes slow, from one machine and for one account. What is not named here has the library's
# own limits: new passwords, links to them, codes of the second factor, passkeys.
ACCOUNT_RATE_LIMITS = {"login_failed": "10/5m/ip,5/5m/key"}
# Acts that hand out power ask for the password, a code or a passkey again when the last one is so many seconds old.
ACCOUNT_REAUTHENTICATION_TIMEOUT = 900
# Whoever did not change their password or second factor themselves must hear of it.
ACCOUNT_EMAIL_NOTIFICATIONS = True
MFA_ADAPTER = "mailplatform.accounts.adapter.SealingMfaAdapter"
MFA_SUPPORTED_TYPES = ["recovery_codes", "totp", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
# Addresses are those that an administrator invited; nobody confirms them by mail.
MFA_ALLOW_UNVERIFIED_EMAIL = True
# One code to either side, for phones whose clock is a little wrong.
MFA_TOTP_TOLERANCE = 1
# Passkeys on http://localhost, where the site is tried out.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not SECURE
SITE_ID = 1

CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", default=False) else None
)
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "SAMEORIGIN"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'self'"],
    }
}
FORM_RENDERER = "django.forms.renderers.DjangoTemplates"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "mailplatform" / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
MEDIA_ROOT = DATA_DIR / "media"
MEDIA_URL = "/media/"
S3_BUCKET = env.str("S3_BUCKET", "")
S3_REGION = env.str("S3_REGION", env.str("AWS_REGION", ""))
_S3 = {
    "bucket_name": S3_BUCKET,
    "region_name": S3_REGION or None,
    "endpoint_url": env.str("AWS_ENDPOINT_URL_S3", "") or None,
    "default_acl": None,
    "querystring_auth": True,
}
STORAGES: dict[str, dict[str, Any]] = {
    "default": (
        {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": _S3}
        if S3_BUCKET
        else {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    ),
    "staticfiles": {"BACKEND": "mailplatform.core.static_files.HashedFiles"},
}
# Where the ledger's checkpoints are copied to, if anywhere: a bucket with Object Lock keeps them from everybody.
LEDGER_BUCKET = env.str("LEDGER_BUCKET", S3_BUCKET)
if LEDGER_BUCKET:
    STORAGES["ledger"] = {
        "BACKEND": "mailplatform.aws.storage.LockedStorage",
        "OPTIONS": _S3
        | {
            "bucket_name": LEDGER_BUCKET,
            "file_overwrite": False,
            "lock_mode": env.str("LEDGER_LOCK_MODE", "GOVERNANCE", choices=("GOVERNANCE", "COMPLIANCE")),
            "lock_days": env.int("LEDGER_LOCK_DAYS", 1_095, minimum=1),
        },
    }
# What the nightly list of blocked addresses holds: "hashes", or "addresses" of people whom we still know.
SUPPRESSION_COPY = env.str("SUPPRESSION_COPY", "hashes", choices=("hashes", "addresses"))

CELERY_BROKER_URL = embedded.celery_url(REDIS_URL)
CELERY_TIMEZONE = "UTC"
# Results are nobody's business: what became of a task stands in Postgres.
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
# A task may run twice (a worker died, a message came again) and does no harm: its claims are in Postgres.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_DEFAULT_QUEUE = "default"
# By urgency. Drains have workers of their own, so that they never keep the steering work waiting: launching,
# recovering, stopping a campaign.
CELERY_TASK_ROUTES = {
    "campaigns.prepare_run": {"queue": "urgent"},
    "campaigns.start_due": {"queue": "urgent"},
    "campaigns.repeat": {"queue": "urgent"},
    "campaigns.reissue": {"queue": "urgent"},
    "campaigns.recover": {"queue": "urgent"},
    "campaigns.refresh_account": {"queue": "urgent"},
    "events.check_safety": {"queue": "urgent"},
    "campaigns.send_owed_mails": {"queue": "urgent"},
    "campaigns.drain_run": {"queue": "sending"},
    "events.*": {"queue": "ingest"},
}
# A worker of several queues empties them in the order in which they are named.
# The time-out is much longer than any task: a drain ends after 5 minutes. A task that is handed out again all the
# same finds its run's slots taken or claims other batches.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600, "queue_order_strategy": "priority"}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# None: for ever. A worker outlives any absence of Redis.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A child is replaced after so many tasks, or when it holds so many kilobytes after one.
CELERY_WORKER_MAX_TASKS_PER_CHILD = 500
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 400_000
# Nothing watches task events; without them Redis carries the work alone.
CELERY_WORKER_SEND_TASK_EVENTS = False

# Amazon. Keys and Region come from the settings page; these win over it.
AWS_ACCESS_KEY_ID = env.str("AWS_ACCESS_KEY_ID", "")
AWS_SECRET_ACCESS_KEY = env.str("AWS_SECRET_ACCESS_KEY", "")
AWS_REGION = env.str("AWS_REGION", "")
AWS_ENDPOINT_URLS = {
    name: url
    for name in ("sesv2", "sns", "sqs", "s3", "sts", "cloudwatch", "events", "scheduler")
    if (url := env.str(f"AWS_ENDPOINT_URL_{name.upper()}", env.str("AWS_ENDPOINT_URL", "")))
}
# Where the sandbox serves the certificate it signs with. Accepted only beside loopback endpoints.
SANDBOX_URL = env.str("SANDBOX_URL", "")
# Both for trials against the sandbox only, else refused: leases and waits are multiplied by the first, and the
# second names a file with seconds by which this process's clock is wrong.
SENDING_TIME_SCALE = env.float("SENDING_TIME_SCALE", 1.0, above=0.0, maximum=1.0)
CLOCK_FILE = env.str("MAILPLATFORM_CLOCK_FILE", "")
# An SMTP server in the place of Amazon SES. It cannot say what it takes: so many mails a second, and in 24 hours (0:
# no limit). docs/smtp.md tells what is not to be had without SES.
SMTP_PASSWORD = env.str("SMTP_PASSWORD", "")
SMTP_URL = env.smtp("SMTP_URL", password=SMTP_PASSWORD)
SMTP_RATE = env.float("SMTP_RATE", 10.0, above=0.0, maximum=1_000.0)
SMTP_PER_DAY = env.int("SMTP_PER_DAY", 0)
SES_SEND_WITH_BOTO3 = env.bool("SES_SEND_WITH_BOTO3", default=False)
SES_TLS_POLICY = env.str("SES_TLS_POLICY", "REQUIRE", choices=("REQUIRE", "OPTIONAL"))
SETTLE_AFTER_SECONDS = env.int("SETTLE_AFTER_SECONDS", 1800)

LEDGER_KEY_FILE = env.str("LEDGER_KEY_FILE", str(DATA_DIR / "keys" / "ledger.pem"))
LEDGER_CHECKPOINT_FILE = env.str("LEDGER_CHECKPOINT_FILE", str(DATA_DIR / "checkpoints" / "ledger.jsonl"))

EMAIL_BACKEND = "campaigns.mail_backend.SesBackend"
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "mailplatform@localhost")

# Whoever has it may read /metrics; without it only this machine may.
METRICS_TOKEN = env.str("METRICS_TOKEN", "")
# Opt-in: errors of our own code are told to this Sentry, without anything about people (core/faults.py).
SENTRY_DSN = env.str("SENTRY_DSN", "")

DJANGO_STRUCTLOG_CELERY_ENABLED = False
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processor": structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            )
            if env.str("LOG_FORMAT", "console") == "console"
            else structlog.processors.JSONRenderer(),
            # What libraries log does not pass through structlog's own processors below.
            "foreign_pre_chain": [
                structlog.stdlib.add_log_level,
                structlog.processors.format_exc_info,
                logs.discreet,
            ],
        }
    },
    "filters": {"brief": {"()": "django.utils.log.CallbackFilter", "callback": logs.brief}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["brief"]}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", "INFO")},
}
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.filter_by_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.format_exc_info,
        logs.discreet,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
