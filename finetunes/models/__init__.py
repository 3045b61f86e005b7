"""The catalog's rows: finetunes, grants, checkpoints, versions, uploads, labels, samples and uses."""

from finetunes.models.catalog import (
    BASE_MODEL_CHOICES,
    DEFAULT_STRENGTH,
    NAME,
    NAME_MAX,
    NAME_PATTERN,
    PRECISION_CHOICES,
    STRENGTHS,
    TRAINED_CHOICES,
    UPSTREAM_ALONE,
    Finetune,
    FinetuneQuerySet,
    FormerName,
    Grant,
    GrantQuerySet,
    Source,
)
from finetunes.models.checkpoints import Checkpoint, CheckpointQuerySet
from finetunes.models.labels import TAG_MAX, Favourite, Tag
from finetunes.models.samples import Sample
from finetunes.models.uses import Use
from finetunes.models.versions import Upload, UploadQuerySet, Version, VersionQuerySet

__all__ = [
    "BASE_MODEL_CHOICES",
    "DEFAULT_STRENGTH",
    "NAME",
    "NAME_MAX",
    "NAME_PATTERN",
    "PRECISION_CHOICES",
    "STRENGTHS",
    "TAG_MAX",
    "TRAINED_CHOICES",
    "UPSTREAM_ALONE",
    "Checkpoint",
    "CheckpointQuerySet",
    "Favourite",
    "Finetune",
    "FinetuneQuerySet",
    "FormerName",
    "Grant",
    "GrantQuerySet",
    "Sample",
    "Source",
    "Tag",
    "Upload",
    "UploadQuerySet",
    "Use",
    "Version",
    "VersionQuerySet",
]
