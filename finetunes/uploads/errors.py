"""What can go wrong with an upload, each with the status that tus or HTTP has for it."""

from dashboard.lib.errors import DashboardError, InvalidInputError, NotFoundError


class UploadGoneError(NotFoundError):
    def __init__(self) -> None:
        super().__init__("There is no such upload: it was published, cancelled, or left for a day. Start a new one.")


class RefusedFileError(InvalidInputError):
    """The file is not taken, whatever is in it."""

    status = 413

    def __init__(self, message: str) -> None:
        super().__init__(message, field="checkpoint")


class TooLargeError(RefusedFileError):
    code = "too_large"


class QuotaError(RefusedFileError):
    """The organization's storage is used up, or too many of its uploads are open."""

    code = "quota_exceeded"


class DiskFullError(RefusedFileError):
    code = "disk_full"
    status = 507

    def __init__(self) -> None:
        super().__init__(
            "The disk of this server is full. What has arrived is kept: "
            "go on with the upload when its operator has made room."
        )


class OffsetConflictError(DashboardError):
    """The client sends from one byte, and the upload stands at another."""

    code = "offset_conflict"
    status = 409

    def __init__(self, sent: int, stands: int) -> None:
        super().__init__(
            f"This piece starts at byte {sent:,}, and the upload stands at byte {stands:,}. Go on from there."
        )


class ChecksumMismatchError(DashboardError):
    """The status is one of tus' own."""

    code = "checksum_mismatch"
    status = 460

    def __init__(self, algorithm: str) -> None:
        super().__init__(f"The {algorithm} of this piece is another one: it changed on its way. Send it again.")


class BrokenOffError(DashboardError):
    """The connection ended inside a piece; most often nobody is left to read this."""

    code = "broken_off"

    def __init__(self, came: int, announced: int) -> None:
        super().__init__(
            f"{came:,} of the {announced:,} bytes of this piece came. Ask for the offset with HEAD and go on there."
        )
