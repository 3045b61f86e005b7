"""The sign-up forms; whoever was invited signs up with the address of the invitation."""

from typing import Any

from allauth.account.forms import SignupForm
from allauth.core import context
from allauth.socialaccount.forms import SignupForm as SocialSignupForm
from django import forms

from dashboard.organizations.accounts import invited_address


class InvitedAddress(forms.Form):
    """Holds the e-mail field to the address of the invitation, if one was opened in this browser."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if invited := invited_address(context.request):
            self.initial["email"] = invited
            self.fields["email"].widget.attrs["readonly"] = True
            self.fields["email"].help_text = "Your invitation was sent to this address."

    def clean_email(self) -> str:
        invited = invited_address(context.request)
        if invited and self.cleaned_data["email"].lower() != invited:
            raise forms.ValidationError(f"Your invitation was sent to {invited}: sign up with that address.")
        email: str = super().clean_email()  # type: ignore[misc]  # of allauth's form, next in line
        return email


class SignUpForm(InvitedAddress, SignupForm):  # type: ignore[misc]  # allauth is untyped
    """By e-mail and password."""


class SocialSignUpForm(InvitedAddress, SocialSignupForm):  # type: ignore[misc]
    """What is left to say after a log-in with OpenID Connect."""
