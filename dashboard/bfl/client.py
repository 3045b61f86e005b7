"""A client of any BFL-compatible server, over one kept-alive session."""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from pydantic import ValidationError
from urllib3.exceptions import HTTPError

from dashboard.bfl.endpoints import BY_NAME
from dashboard.bfl.errors import UpstreamError, read_detail
from dashboard.bfl.schemas import Result, Submission
from dashboard.lib.deadlines import DeadlineAdapter, deadline

CONNECT_SECONDS = 5
READ_SECONDS = 30
# From the first byte sent to the last one read.
TOTAL_SECONDS = 50
DOWNLOAD_SECONDS = 100
MAX_JSON_BYTES = 1 << 20
MAX_SAMPLE_BYTES = 64 << 20
CHUNK_BYTES = 1 << 16
T = TypeVar("T")
ID_KEYS = ("finetune_id", "id", "name")
# Only reads are repeated here: a submission that may have been accepted is for the caller to decide about. Who polls
# has a schedule of its own, so a wait that does not fit the budget is left to it.
TRIES = 3
RETRY_SECONDS = 3.0
RETRY_FIRST = 0.2
# What may be called on another host: BFL keeps finetunes of FLUX.1 on single clusters.
HOSTED = (*BY_NAME, "my_finetunes", "finetune_details")


class _Session(requests.Session):
    """Drops the key where a redirect leads to another origin; requests itself does so for Authorization alone."""

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call]
        if _origin(prepared_request.url or "") != _origin(response.request.url or ""):
            prepared_request.headers.pop("x-key", None)


class BflClient:
    """Raises UpstreamError for every failure, permanent where the same request would fail again.

    `hosts` are base URLs for some of HOSTED, by name. The key goes to these and to `base_url`, and nowhere else.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        hosts: Mapping[str, str] | None = None,
        connections: int = 32,
        read_seconds: float = READ_SECONDS,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.hosts = {name: url.rstrip("/") for name, url in (hosts or {}).items()}
        self.origins = {_origin(url) for url in (self.base_url, *self.hosts.values())}
        self.api_key = api_key
        self.read_seconds = read_seconds
        self.total_seconds = total_seconds
        self.session = _Session()
        adapter = DeadlineAdapter(pool_connections=4 + len(self.hosts), pool_maxsize=connections)
        self.session.mount("http://", adapter)
        self.session.mount("https://", adapter)

    def submit(self, endpoint: str, body: dict[str, Any]) -> Submission:
        """POST /v1/<endpoint>."""
        answer = self._ask("POST", self._url(endpoint), json=body)
        try:
            return Submission.model_validate(answer)
        except ValidationError:
            raise UpstreamError("unreadable answer to a submission", status=200, permanent=True) from None

    def get_result(self, polling_url: str) -> Result:
        """GET of a `polling_url` as it was returned."""
        answer = self._read(polling_url)
        try:
            return Result.model_validate(answer)
        except ValidationError:
            raise UpstreamError("unreadable result", status=200, permanent=False) from None

    def my_finetunes(self) -> list[str]:
        """The ids of the account's finetunes, in the server's order. What is no id is left out."""
        body = self._read(self._url("my_finetunes"))
        listed = body.get("finetunes") if isinstance(body, dict) else body
        if not isinstance(listed, list):
            raise UpstreamError("unreadable list of finetunes", status=200, permanent=False)
        return list(dict.fromkeys(found for entry in listed if (found := _id_of(entry))))

    def finetune_details(self, finetune_id: str) -> dict[str, Any]:
        """What the server tells of one of them; which keys there are is the server's choice."""
        body = self._read(self._url("finetune_details"), params={"finetune_id": finetune_id})
        details = body.get("finetune_details", body) if isinstance(body, dict) else None
        if not isinstance(details, dict):
            raise UpstreamError("unreadable details of a finetune", status=200, permanent=False)
        return details

    def download(self, sample_url: str) -> Iterator[bytes]:
        """The bytes of a sample in chunks, 64 MB at most."""
        total = 0
        response = _repeat(lambda: self._request("GET", sample_url, seconds=DOWNLOAD_SECONDS))
        with response:
            try:
                for chunk in response.iter_content(CHUNK_BYTES):
                    total += len(chunk)
                    if total > MAX_SAMPLE_BYTES:
                        raise UpstreamError("the sample is larger than 64 MB", status=200, permanent=True)
                    yield chunk
            except requests.RequestException:
                raise UpstreamError("the download broke off", permanent=False) from None

    def _url(self, name: str) -> str:
        return f"{self.hosts.get(name, self.base_url)}/v1/{name}"

    def _read(self, url: str, **options: Any) -> Any:
        return _repeat(lambda: self._ask("GET", url, **options))

    def _ask(self, method: str, url: str, **options: Any) -> Any:
        return self._json(self._request(method, url, seconds=self.total_seconds, **options))

    def _request(self, method: str, url: str, *, seconds: float, **options: Any) -> requests.Response:
        headers = {"accept": "application/json"}
        timeout = (CONNECT_SECONDS, self.read_seconds)
        try:
            if _origin(url) in self.origins:
                headers["x-key"] = self.api_key
            with deadline(seconds):
                response = self.session.request(method, url, headers=headers, timeout=timeout, stream=True, **options)
        except ValueError:  # requests' InvalidURL, InvalidSchema and their kin are ValueErrors too
            raise UpstreamError("no usable URL", permanent=True) from None
        except requests.RequestException as error:
            raise UpstreamError(type(error).__name__, permanent=False) from None
        if response.status_code != 200:
            raise self._failure(response)
        return response

    def _failure(self, response: requests.Response) -> UpstreamError:
        status = response.status_code
        try:
            detail = read_detail(self._json(response))
        except UpstreamError:
            detail = "no readable error body"
        return UpstreamError(
            detail,
            status=status,
            permanent=status < 500 and status not in (408, 429),
            retry_after=read_retry_after(response.headers.get("Retry-After", "")),
        )

    def _json(self, response: requests.Response) -> Any:
        with response:
            try:
                body = response.raw.read(MAX_JSON_BYTES + 1, decode_content=True)
            except (HTTPError, OSError):
                raise UpstreamError("the answer broke off", permanent=False) from None
        if len(body) > MAX_JSON_BYTES:
            raise UpstreamError("an answer of more than 1 MB", status=response.status_code, permanent=True)
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise UpstreamError("an answer that is not JSON", status=response.status_code, permanent=False) from None


def _repeat(ask: Callable[[], T]) -> T:
    """Tries a read again after failures in passing, as often and as long as the budget lets it."""
    end = time.monotonic() + RETRY_SECONDS
    for tried in range(1, TRIES):
        try:
            return ask()
        except UpstreamError as error:
            # With jitter, so that many who failed at once do not come back at once.
            pause = RETRY_FIRST * 2**tried * random.uniform(0.5, 1)
            pause = max(pause, error.retry_after or 0)
            if error.permanent or time.monotonic() + pause > end:
                raise
            time.sleep(pause)
    return ask()


def read_retry_after(value: str) -> float | None:
    """Seconds from now, out of a header of seconds or of a date; None for any other."""
    if value.strip().isdecimal() and len(value.strip()) < 10:
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    # A date without a zone is one in GMT.
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _id_of(entry: Any) -> str:
    """BFL lists strings; other servers list objects."""
    if isinstance(entry, dict):
        entry = next((entry[key] for key in ID_KEYS if entry.get(key)), "")
    return entry.strip() if isinstance(entry, str) else ""


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
