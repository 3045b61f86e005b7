"""The forms that take a checkpoint or name a recipient: what the browser sends; the services judge it."""

from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.core.files.base import File

from dashboard.bfl.endpoints import Precision
from dashboard.lib.errors import DashboardError
from dashboard.organizations.models import Membership
from finetunes.access import get_upload
from finetunes.checkpoints.errors import CheckpointError
from finetunes.findings import Finding, judge
from finetunes.models import (
    BASE_MODEL_CHOICES,
    NAME,
    NAME_MAX,
    PRECISION_CHOICES,
    TRAINED_CHOICES,
    UPSTREAM_ALONE,
    Finetune,
    Upload,
    Version,
)
from finetunes.services import catalog, uploads, versions
from finetunes.uploads.errors import UploadGoneError

REQUIRED_NAME = "Give the finetune a name."
REQUIRED_BASE_MODEL = "Choose the base model that the LoRA was trained for."
REQUIRED_CHECKPOINT = "Choose the checkpoint file."
GONE = "The file that was sent is here no more. Choose it again."
CUT_OFF = "Only a part of this file is here. Choose it again to send the rest."


class CheckpointForm(forms.Form):
    """A checkpoint comes with the form itself, or came before it as an upload, which any refusal keeps."""

    checkpoint = forms.FileField(
        label="Checkpoint File",
        required=False,
        allow_empty_file=True,  # the services say what is wrong with an empty checkpoint
        widget=forms.FileInput({"accept": ".safetensors", "autofocus": True}),
    )
    upload = forms.UUIDField(required=False, widget=forms.HiddenInput)
    strip_private = forms.BooleanField(
        required=False,
        label="Remove private metadata from the stored file",
        help_text="Trainers write down paths, file names and captions. The weights stay as they are.",
    )

    received: Upload | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._require_file(True)

    @property
    def max_bytes(self) -> int:
        return int(settings.MAX_CHECKPOINT_BYTES)

    @cached_property
    def finding(self) -> Finding | None:
        """What is told of the upload that a refused form keeps."""
        if self.received is None:
            return None
        finding = judge(uploads.inspect_upload(self.received))
        return replace(finding, fills_fields="trigger_phrase" in self.fields)

    def receive(self, membership: Membership) -> Upload | None:
        """The upload, kept for the next try of this form; None with the reason at the file."""
        data, file = self.cleaned_data, self.files.get("checkpoint")
        try:
            self._keep(self._take(membership, file, data.get("upload")))
        except UploadGoneError:
            self._keep(None)
            self.add_error("checkpoint", GONE)
        except DashboardError as error:
            self._keep(None)
            self.add_error("checkpoint", error.message)
        return self.received

    def refuse(self, error: DashboardError) -> None:
        """Puts it at its field. What was wrong with the file itself has ended its upload."""
        if isinstance(error, CheckpointError | UploadGoneError):
            self._keep(None)
        at_file = error.field in ("checkpoint", "upload")
        field = "checkpoint" if at_file else error.field if error.field in self.fields else None
        self.add_error(field, error.message)

    def _take(self, membership: Membership, file: "File[Any] | None", upload_id: UUID | None) -> Upload:
        if file is not None:
            self._give_up(membership, upload_id)
            return uploads.receive(membership.organization, file, user=membership.user)
        if upload_id is None:
            raise CheckpointError(REQUIRED_CHECKPOINT)
        upload = get_upload(membership.organization, upload_id)
        if not uploads.is_whole(upload):
            raise CheckpointError(CUT_OFF)
        return upload

    def _give_up(self, membership: Membership, upload_id: UUID | None) -> None:
        """Another file was chosen in the place of one that is here."""
        if upload_id:
            with suppress(UploadGoneError):
                uploads.cancel(get_upload(membership.organization, upload_id))

    def _keep(self, upload: Upload | None) -> None:
        self.received = upload
        # By items: a QueryDict is unpacked into lists.
        self.data = dict([*self.data.items(), ("upload", str(upload.pk) if upload else "")])
        self._require_file(upload is None)

    def _require_file(self, required: bool) -> None:
        """For the browser: the field itself is optional because an upload may stand in for it."""
        self.fields["checkpoint"].widget.attrs["required"] = required


class AddFinetuneForm(CheckpointForm):
    """Besides the checkpoint, one field an argument of `catalog.add_finetune`."""

    name = forms.CharField(
        max_length=NAME_MAX,
        validators=[NAME],
        error_messages={"required": REQUIRED_NAME},
        # The hyphen is escaped because browsers read patterns with the `v` flag.
        widget=forms.TextInput(
            {
                "pattern": r"[a-z0-9_\-]+",
                "title": NAME.message,
                "placeholder": "ink-portrait",
                "autocomplete": "off",
                "autocapitalize": "none",
                "spellcheck": "false",
            }
        ),
        help_text="Lowercase letters, digits, hyphens and underscores.",
    )
    base_model = forms.ChoiceField(
        label="Base Model",
        choices=[("", "Choose…"), *TRAINED_CHOICES],
        error_messages={"required": REQUIRED_BASE_MODEL, "invalid_choice": f"Choose one of these. {UPSTREAM_ALONE}"},
    )
    precision = forms.ChoiceField(
        choices=PRECISION_CHOICES,
        initial=Precision.FP8.value,
        help_text="BF16: 9B (KV-cached) only.",
    )
    trigger_phrase = forms.CharField(
        label="Trigger Phrase",
        required=False,
        max_length=200,
        widget=forms.TextInput({"placeholder": "TOK, sks, ohwx", "autocomplete": "off", "spellcheck": "false"}),
        help_text="The words that wake the LoRA. The Playground puts them into the prompt.",
    )

    def create(self, membership: Membership) -> Finetune | None:
        """The new finetune; or None, with what was refused at the field that it is about, and the file kept."""
        is_complete = self.is_valid()
        upload = self.receive(membership)
        if upload is None or not is_complete:
            return None
        fields = {name: self.cleaned_data[name] for name in ("name", "base_model", "precision", "trigger_phrase")}
        strip = self.cleaned_data["strip_private"]
        try:
            return catalog.add_finetune(
                membership.organization, upload, **fields, strip_private=strip, created_by=membership.user
            )
        except DashboardError as error:
            self.refuse(error)
            return None


class AddVersionForm(CheckpointForm):
    """A checkpoint alone: name, base model and the rest are the finetune's."""

    def create(self, membership: Membership, finetune: Finetune) -> Version | None:
        """The new version; or None, with what was refused, and the file kept."""
        is_complete = self.is_valid()
        upload = self.receive(membership)
        if upload is None or not is_complete:
            return None
        strip = self.cleaned_data["strip_private"]
        try:
            self._check_fits(upload, finetune)
            return versions.add_version(finetune, upload, strip_private=strip, created_by=membership.user)
        except DashboardError as error:
            self.refuse(error)
            return None

    def _check_fits(self, upload: Upload, finetune: Finetune) -> None:
        """No field here could be chosen anew to make it fit, so a misfit ends its upload."""
        finding = judge(uploads.inspect_upload(upload), version_of=finetune)
        if finding.refusal:
            uploads.cancel(upload)
            raise CheckpointError(finding.refusal)


class PreflightForm(forms.Form):
    """The first bytes of a file, before the rest is sent, and what the form around it says so far.

    `weights_sha256` comes alone, later: the browser has read the whole file for it. `upload` is the one that has a
    part of this file already. `is_final` asks for a word on the other fields as well.
    """

    head = forms.FileField(required=False, allow_empty_file=True)
    size = forms.IntegerField(min_value=0, required=False)
    file_name = forms.CharField(max_length=255, required=False, strip=False)
    weights_sha256 = forms.RegexField(r"\A[0-9a-f]{64}\Z", required=False)
    version_of = forms.CharField(max_length=NAME_MAX, required=False)
    upload = forms.UUIDField(required=False)
    is_final = forms.BooleanField(required=False)
    name = forms.CharField(required=False)
    base_model = forms.ChoiceField(choices=BASE_MODEL_CHOICES, required=False)
    precision = forms.CharField(required=False)
    trigger_phrase = forms.CharField(required=False)
