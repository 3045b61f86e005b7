"""Input images that a request names by URL: fetched by this server past the guard, all at once and within seconds."""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError, NameResolutionError

from dashboard.bfl.schemas import MAX_URL_CHARS
from dashboard.lib.deadlines import deadline
from dashboard.lib.guarded import MAX_REDIRECTS, RefusedUrlError, check_url, open_session
from dashboard.lib.places import Places
from playground.inputs import InvalidFieldsError

MAX_BYTES = 20 * 10**6
CHUNK_BYTES = 1 << 16
# Clients give up on an answer after 5, and what came must still be decoded.
SECONDS = 4.0
HEADERS = {
    "User-Agent": "Finetunes-Dashboard",
    "Accept": "image/jpeg, image/png, image/webp, */*;q=0.1",
    "Accept-Encoding": "identity",  # images are compressed as they are, and bombs come packed
}
TOO_LONG = f"The URL should have at most {MAX_URL_CHARS} characters"
TOO_LARGE = "The image should be at most 20 MB"
TOO_SLOW = f"The image did not come from {{host}} within {SECONDS:g} seconds; send it in base64"
UNKNOWN_NAME = "The name {host} is not known"
NO_TLS = "{host} has no certificate that this server trusts"
NO_ANSWER = "{host} cannot be reached or broke off"
NO_IMAGE = "{host} answered with status {status} instead of the image"
REDIRECTS = f"{{host}} redirects more than {MAX_REDIRECTS} times"

BUSY = "This server is fetching the input images of other requests. Try again in a moment, or send them in base64."
# Requests that fetch: each holds a thread of the web server, as do those of OPENAI_WAITERS, and some must be left.
PLACES = Places(4, BUSY, in_line=6, seconds=0.5)


class _FetchError(Exception):
    """Why there is no image, in a sentence for who sent the URL."""


def fetch(urls: Mapping[str, str]) -> dict[str, bytes]:
    """What lies at the URLs, by field. Raises InvalidFieldsError, a sentence for each that failed, and BusyError."""
    if not urls:
        return {}
    _check(urls)
    with PLACES.take():
        return _fetch_all(urls)


def _fetch_all(urls: Mapping[str, str]) -> dict[str, bytes]:
    """A thread of its own each: the resolver of names knows no deadline, and whoever hangs in it is left behind."""
    threads = ThreadPoolExecutor(len(urls))
    tasks = {field: threads.submit(_fetch, url) for field, url in urls.items()}
    wait(tasks.values(), timeout=SECONDS)
    threads.shutdown(wait=False, cancel_futures=True)
    errors = {field: error for field, task in tasks.items() if (error := _error_of(task, urls[field]))}
    if errors:
        raise InvalidFieldsError(errors)
    return {field: task.result() for field, task in tasks.items()}


def _check(urls: Mapping[str, str]) -> None:
    """Before any is asked for."""
    errors: dict[str, str] = {}
    for field, url in urls.items():
        if len(url) > MAX_URL_CHARS:
            errors[field] = TOO_LONG
            continue
        try:
            check_url(url, https_only=False)
        except RefusedUrlError as error:
            errors[field] = error.reason
    if errors:
        raise InvalidFieldsError(errors)


def _error_of(task: "Future[bytes]", url: str) -> str:
    if not task.done():
        return TOO_SLOW.format(host=_host(url))
    error = task.exception()
    if error is None:
        return ""
    if isinstance(error, _FetchError):
        return str(error)
    raise error


def _fetch(url: str) -> bytes:
    try:
        with deadline(SECONDS), open_session(https_only=False) as session:
            return _read(session, url)
    except RefusedUrlError as error:
        raise _FetchError(error.reason) from None
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        raise _FetchError(_why(error).format(host=_host(url))) from None


def _read(session: requests.Session, url: str) -> bytes:
    """As it is sent, unpacked by nobody; raw reads, for those of requests would hide how they failed."""
    content = bytearray()
    with session.get(url, headers=HEADERS, timeout=SECONDS, stream=True) as response:
        if response.status_code != 200:
            raise _FetchError(NO_IMAGE.format(host=_host(url), status=response.status_code))
        while chunk := response.raw.read(CHUNK_BYTES, decode_content=False):
            content += chunk
            if len(content) > MAX_BYTES:
                raise _FetchError(TOO_LARGE)
    return bytes(content)


def _why(error: BaseException) -> str:
    if _is_because(error, NameResolutionError):
        return UNKNOWN_NAME
    if isinstance(error, requests.TooManyRedirects):
        return REDIRECTS
    if isinstance(error, requests.exceptions.SSLError):
        return NO_TLS
    return TOO_SLOW if _is_because(error, TimeoutError) else NO_ANSWER


def _is_because(error: BaseException | None, kind: type[BaseException]) -> bool:
    """Requests and urllib3 wrap what happened, one of them as an argument and the other as the context."""
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
