"""Idempotency-Key on POST: who sends a request again gets the answer that it had, and nothing is made twice.

A key belongs to an organization, whichever of its API keys comes with it. Answers of 2xx are remembered, for every
process, for 24 hours; after any other the request may be sent again, after a 4xx also with another body. Of two at
once one works, and the other is asked to come back. A worker that dies leaves a claim whose lease runs out: who takes
it over makes things under the same ids (`event_of`), and so finds what was made. What is not named so is safe by
itself: a finetune's name is taken once, a grant exists once, what is deleted is gone.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, cast
from uuid import UUID, uuid5

from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import NinjaAPI
from ninja.errors import ValidationError

from dashboard.api.models import IdempotentRequest
from dashboard.lib.errors import DashboardError
from dashboard.organizations.access import ApiRequest
from dashboard.organizations.models import Organization

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
KEY = re.compile(r"[\x20-\x7e]{1,255}")
KEPT = timedelta(hours=24)
# How long a worker may take, and so how long a dead one's claim stands.
LEASE = timedelta(minutes=1)
# What is larger is not remembered: a repeat makes the answer anew, of the things that are there.
MOST_BYTES = 2**20
BATCH = 1000
BAD_KEY = "Send 1 to 255 printable ASCII characters, such as a UUID"
REUSED = "This Idempotency-Key came with another request before. Send a new key, or the same request with this one."
WORKING = "The request with this Idempotency-Key is still being worked on. Send it again in a second."

View = Callable[..., Any]


class KeyReusedError(DashboardError):
    code = "idempotency_key_reused"
    status = 409


class StillWorkingError(DashboardError):
    code = "still_working"
    status = 409
    retry_after = 1


def install(api: NinjaAPI) -> None:
    """Every POST that has a key behind it; `claims_by_itself` marks those whose body is no JSON."""
    api.add_decorator(_claiming, mode="operation")
    api.add_decorator(_settling, mode="view")


def claims_by_itself(view: View) -> View:
    """For a view that reads its body itself, and so calls `claim` when it knows what was sent."""
    view.claims_by_itself = True  # type: ignore[attr-defined]
    return view


def claim(request: ApiRequest, sent: Iterable[bytes], *, lease: timedelta = LEASE) -> HttpResponse | None:
    """Takes the request's Idempotency-Key, if it has one; the answer, where it has been answered.

    `sent` is what makes two requests the same, beside method and path; it is read for a request with a key alone.
    Raises ValidationError for a bad key, KeyReusedError, and StillWorkingError.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not KEY.fullmatch(key):
        raise ValidationError([{"loc": ("header", HEADER), "msg": BAD_KEY, "type": "value_error"}])
    found = _take(request.auth.organization, key, _fingerprint(request, sent), timezone.now() + lease)
    if found.status is not None:
        return _replay(found)
    request.claim = found  # type: ignore[attr-defined]
    return None


def event_of(request: HttpRequest, number: int = 0) -> UUID | None:
    """The id of the thing of this number that the request makes, the same however often it is taken up."""
    claimed = _claim_of(request)
    return uuid5(claimed.id, str(number)) if claimed else None


def sweep() -> bool:
    """Forgets what is older than a day, a batch at a time; whether there may be more."""
    old = IdempotentRequest.objects.filter(created_at__lt=timezone.now() - KEPT).values_list("pk", flat=True)[:BATCH]
    forgotten = IdempotentRequest.objects.filter(pk__in=list(old)).delete()[0]
    return forgotten == BATCH


def _claiming(view: View) -> View:
    """Stands between the checks of key and body, and the call itself."""
    if getattr(view, "claims_by_itself", False):
        return view

    @wraps(view)
    def call(request: HttpRequest, **values: Any) -> Any:
        has_key = request.method == "POST" and hasattr(request, "auth")
        answer = claim(cast(ApiRequest, request), _body_of(request)) if has_key else None
        return answer or view(request, **values)

    return call


def _settling(run: View) -> View:
    """Stands around a call and its errors, and sees the answer as it is sent."""

    @wraps(run)
    def answer(request: HttpRequest, **values: Any) -> HttpResponse:
        try:
            response: HttpResponse = run(request, **values)
        except BaseException:
            _settle(request, None)
            raise
        _settle(request, response)
        return response

    return answer


def _body_of(request: HttpRequest) -> Iterator[bytes]:
    yield request.body


def _fingerprint(request: HttpRequest, sent: Iterable[bytes]) -> str:
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    for piece in sent:
        digest.update(piece)
    return digest.hexdigest()


def _take(organization: Organization, key: str, fingerprint: str, until: datetime) -> IdempotentRequest:
    """Ours to work on, or one that was answered."""
    defaults = {"fingerprint": fingerprint, "leased_until": until}
    try:
        found, is_new = IdempotentRequest.objects.get_or_create(organization=organization, key=key, defaults=defaults)
    except IntegrityError:  # it was there, and was released in the same moment
        raise StillWorkingError(WORKING) from None
    if found.fingerprint != fingerprint:
        raise KeyReusedError(REUSED)
    if not is_new and found.status is None:
        _take_over(found, until)
    return found


def _take_over(found: IdempotentRequest, until: datetime) -> None:
    ended = IdempotentRequest.objects.filter(pk=found.pk, status=None, leased_until__lte=timezone.now())
    if ended.update(leased_until=until) != 1:
        raise StillWorkingError(WORKING)
    found.leased_until = until


def _settle(request: HttpRequest, response: HttpResponse | None) -> None:
    """Remembers a success, frees the key after a refusal, and leaves the rest for whoever sends it again."""
    claimed = _claim_of(request)
    if claimed is None:
        return
    ours = IdempotentRequest.objects.filter(pk=claimed.pk, status=None, leased_until=claimed.leased_until)
    status = response.status_code if response else 500
    if 400 <= status < 500:
        ours.delete()
    elif response and 200 <= status < 300 and not response.streaming and len(response.content) <= MOST_BYTES:
        ours.update(status=status, answer=response.content, headers=dict(response.headers))
    else:
        ours.update(leased_until=timezone.now())


def _replay(found: IdempotentRequest) -> HttpResponse:
    response = HttpResponse(bytes(found.answer), status=found.status)
    del response["Content-Type"]
    for name, value in {**found.headers, REPLAYED: "true"}.items():
        response[name] = value
    return response


def _claim_of(request: HttpRequest) -> IdempotentRequest | None:
    return getattr(request, "claim", None)
