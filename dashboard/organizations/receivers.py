"""What follows a log-in: whoever belongs nowhere gets an organization of their own."""

from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver

from dashboard.organizations.models import User
from dashboard.organizations.services.organizations import create_personal


@receiver(user_logged_in, dispatch_uid="dashboard.organizations.welcome")
def welcome(sender: Any, user: User, **kwargs: Any) -> None:
    create_personal(user)
