"""The form that adds a finetune: what the browser sends; the services judge it."""

from django import forms
from django.conf import settings

from dashboard.bfl.endpoints import Precision
from dashboard.lib.errors import InvalidInputError
from dashboard.organizations.models import Membership
from finetunes import services
from finetunes.models import BASE_MODEL_CHOICES, NAME, NAME_MAX, PRECISION_CHOICES, Finetune

REQUIRED_NAME = "Give the finetune a name."
REQUIRED_BASE_MODEL = "Choose the base model that the LoRA was trained for."
REQUIRED_CHECKPOINT = "Choose the checkpoint file."


class AddFinetuneForm(forms.Form):
    """One field an argument of `services.add_finetune`."""

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
                "autofocus": True,
            }
        ),
        help_text="Lowercase letters, digits, hyphens and underscores.",
    )
    base_model = forms.ChoiceField(
        label="Base Model",
        choices=[("", "Choose…"), *BASE_MODEL_CHOICES],
        error_messages={"required": REQUIRED_BASE_MODEL},
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
    checkpoint = forms.FileField(
        label="Checkpoint File",
        allow_empty_file=True,  # the services say what is wrong with an empty checkpoint
        error_messages={"required": REQUIRED_CHECKPOINT},
        widget=forms.FileInput({"accept": ".safetensors"}),
    )

    @property
    def max_bytes(self) -> int:
        return int(settings.MAX_CHECKPOINT_BYTES)

    def create(self, membership: Membership) -> Finetune | None:
        """The new finetune; or None, with what the services refused at the field that it is about."""
        try:
            return services.add_finetune(membership.organization, **self.cleaned_data, created_by=membership.user)
        except InvalidInputError as error:
            self.add_error(error.field if error.field in self.fields else None, error.message)
            return None
