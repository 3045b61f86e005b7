"""The operators' view of the catalog."""

from finetunes.admin.files import CheckpointAdmin, UploadAdmin
from finetunes.admin.finetunes import FinetuneAdmin
from finetunes.admin.grants import GrantAdmin

__all__ = ["CheckpointAdmin", "FinetuneAdmin", "GrantAdmin", "UploadAdmin"]
