"""What allauth asks of us: who may sign up."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth is untyped
    """Accounts are made by operators until people can be invited."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
