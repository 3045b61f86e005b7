"""A client of any BFL-compatible server, over one kept-alive session."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import requests
from pydantic import ValidationError
from requests.adapters import HTTPAdapter
from urllib3 import Retry
from urllib3.exceptions import HTTPError

from dashboard.bfl.errors import UpstreamError, read_detail
from dashboard.bfl.schemas import Result, Submission

CONNECT_SECONDS = 5
READ_SECONDS = 30
MAX_JSON_BYTES = 1 << 20
MAX_SAMPLE_BYTES = 64 << 20
CHUNK_BYTES = 1 << 16
ID_KEYS = ("finetune_id", "id", "name")
# Only reads are repeated here: a submission that may have been accepted is for the caller to decide about.
RETRY = Retry(
    total=2,
    backoff_factor=0.2,
    backoff_jitter=0.2,
    status_forcelist=(429, 502, 503, 504),
    allowed_methods=("GET",),
    raise_on_status=False,
    # A server could ask for an hour; whoever polls has a schedule of its own.
    respect_retry_after_header=False,
)


class _Session(requests.Session):
    """Drops the key where a redirect leads to another origin; requests itself does so for Authorization alone."""

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call]
        if _origin(prepared_request.url or "") != _origin(response.request.url or ""):
            prepared_request.headers.pop("x-key", None)


class BflClient:
    """Raises UpstreamError for every failure, permanent where the same request would fail again."""

    def __init__(
        self, base_url: str, api_key: str, *, connections: int = 32, read_seconds: float = READ_SECONDS
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.api_key = api_key
        self.read_seconds = read_seconds
        self.session = _Session()
        adapter = HTTPAdapter(pool_connections=4, pool_maxsize=connections, max_retries=RETRY)
        self.session.mount("http://", adapter)
        self.session.mount("https://", adapter)

    def submit(self, endpoint: str, body: dict[str, Any]) -> Submission:
        """POST /v1/<endpoint>."""
        response = self._request("POST", f"{self.base_url}/v1/{endpoint}", json=body)
        try:
            return Submission.model_validate(self._json(response))
        except ValidationError:
            raise UpstreamError("unreadable answer to a submission", status=200, permanent=True) from None

    def get_result(self, polling_url: str) -> Result:
        """GET of a `polling_url` as it was returned."""
        response = self._request("GET", polling_url)
        try:
            return Result.model_validate(self._json(response))
        except ValidationError:
            raise UpstreamError("unreadable result", status=200, permanent=False) from None

    def my_finetunes(self) -> list[str]:
        """The ids of the account's finetunes, in the server's order. What is no id is left out."""
        body = self._json(self._request("GET", f"{self.base_url}/v1/my_finetunes"))
        listed = body.get("finetunes") if isinstance(body, dict) else body
        if not isinstance(listed, list):
            raise UpstreamError("unreadable list of finetunes", status=200, permanent=False)
        return list(dict.fromkeys(found for entry in listed if (found := _id_of(entry))))

    def finetune_details(self, finetune_id: str) -> dict[str, Any]:
        """What the server tells of one of them; which keys there are is the server's choice."""
        url = f"{self.base_url}/v1/finetune_details"
        body = self._json(self._request("GET", url, params={"finetune_id": finetune_id}))
        details = body.get("finetune_details", body) if isinstance(body, dict) else None
        if not isinstance(details, dict):
            raise UpstreamError("unreadable details of a finetune", status=200, permanent=False)
        return details

    def download(self, sample_url: str) -> Iterator[bytes]:
        """The bytes of a sample in chunks, 64 MB at most."""
        total = 0
        response = self._request("GET", sample_url)
        with response:
            try:
                for chunk in response.iter_content(CHUNK_BYTES):
                    total += len(chunk)
                    if total > MAX_SAMPLE_BYTES:
                        raise UpstreamError("the sample is larger than 64 MB", status=200, permanent=True)
                    yield chunk
            except requests.RequestException:
                raise UpstreamError("the download broke off", permanent=False) from None

    def _request(self, method: str, url: str, **options: Any) -> requests.Response:
        headers = {"accept": "application/json"}
        try:
            if _origin(url) == _origin(self.base_url):  # the key is for this server and no other
                headers["x-key"] = self.api_key
            response = self.session.request(
                method, url, headers=headers, timeout=(CONNECT_SECONDS, self.read_seconds), stream=True, **options
            )
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
        return UpstreamError(detail, status=status, permanent=status < 500 and status not in (408, 429))

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


def _id_of(entry: Any) -> str:
    """BFL lists strings; other servers list objects."""
    if isinstance(entry, dict):
        entry = next((entry[key] for key in ID_KEYS if entry.get(key)), "")
    return entry.strip() if isinstance(entry, str) else ""


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
