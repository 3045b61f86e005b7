"""The settings that an operator may give: names, types and defaults, read from the environment or a `.env` file."""

import argparse
import json
import os
import secrets
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import dj_database_url
from pydantic import BaseModel, Field, HttpUrl, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from dashboard.bfl.client import HOSTED
from dashboard.bfl.webhooks import WebhookStyle

Port = Annotated[int, Field(ge=1, le=65535)]
SECRET_KEY_FILE = "secret_key"
# Options of `manage.py up` that are settings spelled on the command line.
OPTIONS = {"--data-dir": "DATA_DIR", "--host": "HOST", "--port": "PORT", "--sandbox-port": "SANDBOX_PORT"}


class SettingsError(Exception):
    """A setting is missing or wrong; the text names the variable and is meant for the operator."""


class SignUp(StrEnum):
    OPEN = "open"
    INVITE_ONLY = "invite-only"
    CLOSED = "closed"


class EmailSecurity(StrEnum):
    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class OidcProvider(BaseModel):
    """One entry of OIDC_PROVIDERS. `server_url` is the issuer, or its .well-known document."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    name: str
    server_url: HttpUrl
    client_id: str
    secret: SecretStr


class Env(BaseSettings):
    """One field a variable; `README.md` lists them all, and a test holds the two together."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    DATA_DIR: Path = Field(Path("data"), description="Folder for the database, files and the secret key.")
    HOST: str = Field("127.0.0.1", description="Address that `up` listens on.")
    PORT: Port = Field(8000, description="Port that `up` listens on.")
    SANDBOX_PORT: Port = Field(8001, description="Port of the sandbox.")
    BASE_URL: HttpUrl | None = Field(
        None, description="Public address, for polling and sample URLs. Default: http://HOST:PORT."
    )
    ALLOWED_HOSTS: Annotated[list[str], NoDecode] = Field(
        [], description="Host names served besides BASE_URL's and this machine's own, separated by commas."
    )
    SECRET_KEY: SecretStr | None = Field(
        None, description="Signs sessions and URLs. Default: made once and kept in DATA_DIR/secret_key."
    )
    DEBUG: bool = Field(False, description="Django's debug pages; never on a machine that others reach.")
    DATABASE_URL: str | None = Field(
        None, description="postgres://user:password@host/name. Default: SQLite in DATA_DIR."
    )
    REDIS_URL: str | None = Field(
        None, description="Celery broker and cache. Default: both inside the one process of `up`."
    )
    BFL_API_URL: HttpUrl | None = Field(
        None, description="The upstream: BFL's API or a server that speaks it. Default: the sandbox."
    )
    BFL_API_KEY: SecretStr | None = Field(None, description="The key for BFL_API_URL and BFL_API_URLS.")
    BFL_API_URLS: Annotated[dict[str, HttpUrl], NoDecode] = Field(
        {},
        description='Other hosts of the same account for some endpoints, as JSON: {"flux-pro-1.1-ultra-finetuned": '
        '"https://api.us1.bfl.ai"}; also for my_finetunes and finetune_details.',
    )
    UPSTREAM_ORGANIZATIONS: Annotated[list[str], NoDecode] = Field(
        [],
        description="IDs, separated by commas, of the organizations whose finetunes may stand for those of the "
        "upstream's account. Default: every organization.",
    )
    S3_BUCKET: str | None = Field(None, description="Bucket for checkpoints and images. Default: DATA_DIR/files.")
    S3_ENDPOINT_URL: HttpUrl | None = Field(None, description="An S3-compatible server. Default: AWS.")
    S3_REGION: str | None = Field(None, description="The bucket's region. Default: the AWS configuration's.")
    S3_ACCESS_KEY_ID: str | None = Field(None, description="Default: the AWS configuration or the machine's role.")
    S3_SECRET_ACCESS_KEY: SecretStr | None = Field(None, description="The secret of S3_ACCESS_KEY_ID.")
    S3_REDIRECT: bool = Field(
        False,
        description="Clients fetch results from the bucket itself, by a signed address; they must be able to reach it.",
    )
    MAX_CHECKPOINT_BYTES: int = Field(4 * 2**30, gt=0, description="Largest checkpoint accepted, in bytes.")
    STORAGE_QUOTA_BYTES: int = Field(
        100 * 2**30, gt=0, description="What the checkpoints of one organization may take together, in bytes."
    )
    SIGN_UP: SignUp = Field(
        SignUp.INVITE_ONLY, description="Who may make an account: open, invite-only or closed (operators alone)."
    )
    REQUIRE_TWO_FACTOR: bool = Field(
        False, description="Administrators of organizations and operators must have two-factor authentication."
    )
    OIDC_PROVIDERS: list[OidcProvider] = Field(
        [],
        description='Log in with OpenID Connect, as JSON: [{"id": "acme", "name": "Acme", "server_url": "https://…", '
        '"client_id": "…", "secret": "…"}].',
    )
    EMAIL_HOST: str | None = Field(None, description="SMTP server. Default: e-mails are printed to the console.")
    EMAIL_PORT: Port = Field(587, description="Port of EMAIL_HOST.")
    EMAIL_HOST_USER: str = Field("", description="Log-in at EMAIL_HOST.")
    EMAIL_HOST_PASSWORD: SecretStr = Field(SecretStr(""), description="The password of EMAIL_HOST_USER.")
    EMAIL_SECURITY: EmailSecurity = Field(EmailSecurity.STARTTLS, description="starttls, tls or none.")
    EMAIL_FROM: str = Field(
        "Finetunes Dashboard <dashboard@localhost>", description="Sender of the e-mails that this server sends."
    )
    TRUSTED_PROXIES: int = Field(
        0, ge=0, description="Reverse proxies in front, whose X-Forwarded-For tells the client's address."
    )
    MAX_ACTIVE_TASKS: int = Field(
        24, gt=0, description="Unfinished generations that an organization's API keys may have at once."
    )
    REQUESTS_PER_SECOND: int = Field(50, gt=0, description="Requests under /v1 that one API key may send a second.")
    ALLOW_PRIVATE_URLS: bool = Field(
        False, description="Webhooks and input images may lie at private addresses and plain http; for development."
    )
    OPENAI_WAIT_SECONDS: float = Field(
        120, gt=0, description="How long POST /v1/images/generations waits for its images, in seconds."
    )
    OPENAI_WAITERS: int = Field(
        8, gt=0, description="How many such requests a web process lets wait at once; each holds one of its threads."
    )
    WEBHOOK_STYLE: WebhookStyle = Field(
        WebhookStyle.SUPERSET,
        description="Bodies of webhooks: superset, or task (task_id, SUCCESS or FAILED, result, error).",
    )
    LOG_LEVEL: str = Field("WARNING", description="DEBUG, INFO, WARNING or ERROR.")

    @field_validator("ALLOWED_HOSTS", "UPSTREAM_ORGANIZATIONS", mode="before")
    @classmethod
    def split_list(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("BFL_API_URLS", mode="before")
    @classmethod
    def known_endpoints(cls, value: Any, info: ValidationInfo) -> Any:
        try:
            urls = json.loads(value or "{}") if isinstance(value, str) else value
        except ValueError:
            raise ValueError('use JSON such as {"flux-2-pro": "https://api.eu.bfl.ai"}') from None
        if not isinstance(urls, dict):
            raise ValueError("use a JSON object of URLs by endpoint")
        if unknown := [name for name in urls if name not in HOSTED]:
            raise ValueError(f"nothing is called {unknown[0]}: use {', '.join(HOSTED)}")
        if urls and info.data.get("BFL_API_URL") is None:
            raise ValueError("set BFL_API_URL too: it is where everything else goes")
        return urls

    @field_validator("LOG_LEVEL")
    @classmethod
    def known_level(cls, value: str) -> str:
        if value.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            raise ValueError("use DEBUG, INFO, WARNING or ERROR")
        return value.upper()

    @field_validator(
        "DATABASE_URL",
        "REDIS_URL",
        "S3_BUCKET",
        "S3_ENDPOINT_URL",
        "S3_REGION",
        "S3_ACCESS_KEY_ID",
        "EMAIL_HOST",
        mode="before",
    )
    @classmethod
    def blank_is_unset(cls, value: Any) -> Any:
        return value or None

    @field_validator("DATABASE_URL")
    @classmethod
    def known_database(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            dj_database_url.parse(value)
        except ValueError:
            raise ValueError("use postgres://user:password@host/name") from None
        return value

    @property
    def data_dir(self) -> Path:
        return self.DATA_DIR.expanduser().resolve()

    @property
    def base_url(self) -> str:
        host = f"[{self.HOST}]" if ":" in self.HOST else self.HOST
        return str(self.BASE_URL or f"http://{host}:{self.PORT}").rstrip("/")

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.SANDBOX_PORT}"

    @property
    def upstream_url(self) -> str:
        return str(self.BFL_API_URL).rstrip("/") if self.BFL_API_URL else self.sandbox_url

    @property
    def upstream_urls(self) -> dict[str, str]:
        return {name: str(url).rstrip("/") for name, url in self.BFL_API_URLS.items()}

    @property
    def oidc(self) -> list[dict[str, Any]]:
        """The entries of allauth's OpenID Connect provider."""
        return [
            {
                "provider_id": one.id,
                "name": one.name,
                "client_id": one.client_id,
                "secret": one.secret.get_secret_value(),
                "settings": {"server_url": str(one.server_url)},
            }
            for one in self.OIDC_PROVIDERS
        ]

    @property
    def storage(self) -> dict[str, Any]:
        """The entry of Django's STORAGES that all files go to."""
        if self.S3_BUCKET is None:
            return {"BACKEND": "django.core.files.storage.FileSystemStorage"}
        options: dict[str, Any] = {
            "bucket_name": self.S3_BUCKET,
            "endpoint_url": str(self.S3_ENDPOINT_URL).rstrip("/") if self.S3_ENDPOINT_URL else None,
            "region_name": self.S3_REGION,
        }
        if self.S3_ACCESS_KEY_ID and self.S3_SECRET_ACCESS_KEY:
            # Keys of our own have no session: the shell's belongs to its keys.
            secret = self.S3_SECRET_ACCESS_KEY.get_secret_value()
            options |= {"access_key": self.S3_ACCESS_KEY_ID, "secret_key": secret, "security_token": None}
        return {"BACKEND": "dashboard.lib.bucket.BucketStorage", "OPTIONS": options}

    @property
    def storage_fault(self) -> str:
        """Which S3_* is set without another that it needs; empty where all is well."""
        given = [name for name in type(self).model_fields if name.startswith("S3_") and getattr(self, name)]
        if given and not self.S3_BUCKET:
            return f"{given[0]} is set and S3_BUCKET is not: set the bucket too, or files go to the data folder."
        if bool(self.S3_ACCESS_KEY_ID) != bool(self.S3_SECRET_ACCESS_KEY):
            return "S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY belong together: set both, or neither."
        return ""


def load() -> Env:
    """Reads the environment. Raises SettingsError, one line a wrong variable."""
    try:
        return Env()
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']} (got {e['input']!r})" for e in error.errors()]
        raise SettingsError("Bad setting. " + "; ".join(lines)) from None


def adopt_options(argv: list[str]) -> None:
    """Puts the options of `manage.py up` into the environment, before Django reads it."""
    if argv[1:2] != ["up"]:
        return
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for option in OPTIONS:
        parser.add_argument(option)
    known, _ = parser.parse_known_args(argv[2:])
    for option, variable in OPTIONS.items():
        if (value := getattr(known, option[2:].replace("-", "_"))) is not None:
            os.environ[variable] = value
    load()


def read_secret_key(env: Env) -> str:
    """The given key, else the one kept in the data folder, else one that lives as long as this process."""
    if env.SECRET_KEY:
        return env.SECRET_KEY.get_secret_value()
    path = env.data_dir / SECRET_KEY_FILE
    return path.read_text().strip() if path.is_file() else secrets.token_urlsafe(50)


def keep_secret_key(env: Env, key: str) -> None:
    """Writes the key for the next start, readable by this user alone; an existing file stays."""
    path = env.data_dir / SECRET_KEY_FILE
    if env.SECRET_KEY is None and not path.exists():
        path.touch(mode=0o600)
        path.write_text(key)
