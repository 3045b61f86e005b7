"""The signed door for samples: no log-in and no key, for as long as the signature lives."""

import time
from pathlib import PurePath
from uuid import UUID

from django.conf import settings
from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_safe

from dashboard.bfl.errors import error_body
from dashboard.bfl.signatures import is_signed
from dashboard.lib.bucket import BucketStorage
from dashboard.lib.compact_json import answer_json
from dashboard.lib.errors import NotFoundError
from dashboard.lib.file_download import Sent, send_range
from dashboard.lib.stored_images import CACHE, CONTENT_TYPES, extension_of
from playground import queries

EXPIRED = "This link has expired or was changed. Ask get_result for a fresh one."
GONE = "There is no such image any more."


@require_safe
def sample(request: HttpRequest, generation_id: UUID, extension: str) -> Sent:
    """The image behind a signed URL: sent from here, or with S3_REDIRECT from the bucket."""
    if not is_signed(settings.SECRET_KEY, request.path, request.GET.dict()):
        return answer_json(error_body(EXPIRED), status=403)
    found = queries.find_result(generation_id)
    name = str(found.image) if found else ""
    if not name or extension_of(name) != extension:
        raise NotFoundError(GONE)
    if settings.S3_REDIRECT and isinstance(default_storage, BucketStorage):
        return _redirect(request, default_storage, name)
    return _send(request, name)


def _send(request: HttpRequest, name: str) -> Sent:
    content_type = CONTENT_TYPES[extension_of(name)]
    try:
        response = send_range(
            request, name, size=default_storage.size(name), etag=PurePath(name).stem, content_type=content_type
        )
    except FileNotFoundError:
        raise NotFoundError(GONE) from None
    response["Content-Disposition"] = _disposition(name)
    response["Cache-Control"] = CACHE
    return response


def _redirect(request: HttpRequest, bucket: BucketStorage, name: str) -> HttpResponse:
    """To an address that lives no longer than the one that was asked for."""
    seconds = max(1, int(request.GET["se"]) - int(time.time()))
    headers = {
        "ResponseContentType": CONTENT_TYPES[extension_of(name)],
        "ResponseContentDisposition": _disposition(name),
        "ResponseCacheControl": CACHE,
    }
    # The bucket's signature covers the method.
    response = HttpResponseRedirect(bucket.url(name, headers, seconds, request.method))
    response["Cache-Control"] = "private, no-store"
    return response


def _disposition(name: str) -> str:
    return f'inline; filename="{PurePath(name).name}"'
