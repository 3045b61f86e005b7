"""Django's storage in an S3 bucket, with bounds: on memory, on waiting, and on what a server must understand."""

from typing import Any

from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from django.core.files.base import ContentFile
from storages.backends.s3 import S3Storage
from storages.utils import clean_name

PART_BYTES = 8 * 2**20
# Parts at a time; each stands in memory while it is sent, and as many again wait for their turn.
THREADS = 2
WAITING_PARTS = 2
# Of what comes down: pieces that wait for the disk.
PIECE_BYTES = 256 * 2**10
WAITING_PIECES = 32
CONNECT_SECONDS = 5
READ_SECONDS = 60
ATTEMPTS = 4
# Above it a file that is read goes to the disk.
READ_MEMORY_BYTES = 8 * 2**20
PROBE = "preflight"


class BucketStorage(S3Storage):  # type: ignore[misc]  # it comes without types
    """Files that this server alone writes: no address of theirs is public, and no name written twice."""

    def get_default_settings(self) -> dict[str, Any]:
        return {
            **super().get_default_settings(),
            "file_overwrite": False,
            "default_acl": None,
            "max_memory_size": READ_MEMORY_BYTES,
            "transfer_config": _transfers(),
            "client_config": _client(strange=False),
        }

    def __init__(self, **options: Any) -> None:
        if options.get("endpoint_url"):
            options["client_config"] = _client(strange=True)
        super().__init__(**options)

    def open_range(self, name: str, first: int, last: int) -> Any:
        """To read from and to close: these bytes as they come, where `open` fetches the whole before the first one.

        Raises FileNotFoundError.
        """
        key = self._normalize_name(clean_name(name))
        try:
            return self.bucket.Object(key).get(Range=f"bytes={first}-{last}")["Body"]
        except ClientError as error:
            if str(error.response["Error"]["Code"]) in ("404", "NoSuchKey"):
                raise FileNotFoundError(name) from None
            raise

    def find_fault(self) -> str:
        """Why files could not be kept there, in one line that names the setting; empty where all is well."""
        try:
            self.connection.meta.client.head_bucket(Bucket=self.bucket_name)
            self.delete(self.save(PROBE, ContentFile(b"This file may go.")))
        except NoCredentialsError:
            return "There are no credentials for S3. Set S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY."
        except ClientError as error:
            return self._refusal(error)
        except BotoCoreError as error:
            place = f" at {self.endpoint_url} (S3_ENDPOINT_URL)" if self.endpoint_url else ""
            return f"Cannot reach S3{place}: {error}"
        return ""

    def _refusal(self, error: ClientError) -> str:
        code = str(error.response["Error"]["Code"])
        if code in ("404", "NoSuchBucket"):
            return f"There is no bucket {self.bucket_name} (S3_BUCKET). Create it, or name another."
        if code in ("301", "PermanentRedirect", "AuthorizationHeaderMalformed"):
            return f"The bucket {self.bucket_name} lies in another region. Set S3_REGION."
        if code in ("400", "401", "403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"):
            return (
                f"The bucket {self.bucket_name} refuses this server ({code}). Check S3_ACCESS_KEY_ID and "
                "S3_SECRET_ACCESS_KEY, and that they may read, write and delete there."
            )
        return f"The bucket {self.bucket_name} (S3_BUCKET) cannot be used: {error}"


def _transfers() -> TransferConfig:
    config = TransferConfig(
        multipart_threshold=PART_BYTES,
        multipart_chunksize=PART_BYTES,
        max_concurrency=THREADS,
        io_chunksize=PIECE_BYTES,
        max_io_queue=WAITING_PIECES,
    )
    config.max_in_memory_upload_chunks = THREADS + WAITING_PARTS  # no argument takes it
    return config


def _client(*, strange: bool) -> Config:
    """`strange`: another server than AWS. Few have a host name for each bucket, and not all know AWS's checksums."""
    checksums = "when_required" if strange else "when_supported"
    return Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if strange else "auto"},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "max_attempts": ATTEMPTS},
        request_checksum_calculation=checksums,
        response_checksum_validation=checksums,
    )
