"""BFL's API, or any server that speaks its wire (the sandbox does)."""

import json
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.conf import settings

from dashboard.bfl.client import BflClient
from dashboard.bfl.errors import UpstreamError
from dashboard.bfl.schemas import MAX_URL_CHARS, Result, Status
from playground.providers.base import Outcome, ProviderError

log = logging.getLogger(__name__)
CONNECTIONS = 16
BUSY = 429
STATUSES = {status.value: status for status in Status}
# What a caller may read of an upstream's refusal; its own words go to the log.
REASONS = {
    402: "The provider's account is out of credits. Tell the operator of this server.",
    403: "The provider refused this server's key. Tell the operator of this server.",
    404: "The provider does not know this finetune. Tell the operator of this server.",
    422: "The provider refused these parameters.",
    429: "The provider was busy for too long. Try again later.",
}


class BflProvider:
    """Speaks the BFL wire to the configured upstream, over one session of kept-alive connections."""

    def __init__(self) -> None:
        self.client = BflClient(
            settings.BFL_API_URL, settings.BFL_API_KEY, hosts=settings.BFL_API_URLS, connections=CONNECTIONS
        )
        self.pool = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="poll")

    def submit(self, endpoint: str, body: dict[str, Any]) -> str:
        try:
            polling_url = self.client.submit(endpoint, body).polling_url
        except UpstreamError as error:
            raise _provider_error(error) from None
        if not _is_storable(polling_url):
            raise _provider_error(UpstreamError("an unusable polling URL", permanent=True))
        return polling_url

    def poll(self, polling_urls: Sequence[str]) -> list[Outcome | ProviderError]:
        return list(self.pool.map(self._poll_one, polling_urls))

    def download(self, sample_url: str) -> Iterator[bytes]:
        try:
            yield from self.client.download(sample_url)
        except UpstreamError as error:
            raise _provider_error(error) from None

    def _poll_one(self, polling_url: str) -> Outcome | ProviderError:
        try:
            return _outcome(self.client.get_result(polling_url))
        except UpstreamError as error:
            return _provider_error(error)


def _outcome(result: Result) -> Outcome:
    """An unknown status is Pending, and so is a Ready without a sample: both are still on their way."""
    status = STATUSES.get(result.status, Status.PENDING)
    if status is not Status.READY:
        return Outcome(status, details=_storable(result.details))
    body = result.result or {}
    sample, seed = body.get("sample"), body.get("seed")
    if not isinstance(sample, str):
        return Outcome(Status.PENDING)
    if not _is_storable(sample):
        raise UpstreamError("an unusable sample URL", permanent=True)
    return Outcome(status, sample_url=sample, seed=seed if isinstance(seed, int) and abs(seed) < 2**64 else None)


def _is_storable(url: str) -> bool:
    """Neither too long for its column nor with characters that no URL has and PostgreSQL refuses."""
    return len(url) <= MAX_URL_CHARS and url.isascii() and url.isprintable()


def _storable(details: dict[str, Any] | None) -> dict[str, Any] | None:
    """None for what PostgreSQL's JSON does not take: NaN, NUL, half of a surrogate pair."""
    try:
        text = json.dumps(details, ensure_ascii=False, allow_nan=False)
        text.encode()
    except ValueError:
        return None
    return None if "\\u0000" in text else details


def _provider_error(error: UpstreamError) -> ProviderError:
    log.warning("provider: %s", error)
    reason = REASONS.get(error.status or 0, "The provider could not make this image.")
    return ProviderError(reason, permanent=error.permanent, retry_after=error.retry_after, is_busy=error.status == BUSY)
