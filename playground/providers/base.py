"""What a provider is: submit a job, ask for many at once, download a sample."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from dashboard.bfl.schemas import Status


class ProviderError(Exception):
    """A call to the provider failed; `permanent` says whether the same call would fail again.

    `reason` is one of our own sentences, safe to show; what the provider said goes to the log. `retry_after` are the
    seconds for which it asked to be left alone; one that is busy has not tried the job at all.
    """

    def __init__(
        self, reason: str, *, permanent: bool, retry_after: float | None = None, is_busy: bool = False
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent
        self.retry_after = retry_after
        self.is_busy = is_busy


@dataclass(frozen=True)
class Outcome:
    """What the provider says of one job. `sample_url` and `seed` come with Ready, `details` with the other ends."""

    status: Status
    sample_url: str = ""
    seed: int | None = None
    details: dict[str, Any] | None = None


class Provider(Protocol):
    def submit(self, endpoint: str, body: dict[str, Any]) -> str:
        """Hands a job over; returns the URL to poll. Raises ProviderError."""

    def poll(self, polling_urls: Sequence[str]) -> list[Outcome | ProviderError]:
        """Asks for all jobs at once; answers in the same order."""

    def download(self, sample_url: str) -> Iterator[bytes]:
        """The image in chunks. Raises ProviderError, also while it is read."""


@cache
def get_provider(name: str) -> Provider:
    """One provider a process, so that its connections are kept alive."""
    provider: Provider = import_string(settings.PROVIDERS[name])()
    return provider
