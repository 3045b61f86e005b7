"""One request of tus and its answer, the same through both doors: a member's browser, and a program with a key."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from dashboard.bfl.errors import error_body
from dashboard.lib.errors import DashboardError, ForbiddenError, hint_retry
from dashboard.organizations.models import ApiKey, Organization, User
from dashboard.organizations.queries import is_live
from finetunes import access
from finetunes.models import Upload, Version
from finetunes.services import unattended, uploads
from finetunes.uploads import tus
from finetunes.uploads.errors import OffsetConflictError, UploadGoneError
from finetunes.uploads.receivers import receiving

# Kept as it was sent: tus wants it back in the same words.
METADATA = "metadata"


@dataclass(frozen=True)
class Door:
    """Who stands in it, and where its uploads are found."""

    owner: Organization
    path_of: Callable[[UUID], str]
    user: User | None = None
    api_key: ApiKey | None = None
    # Programs say everything at the start, and their uploads publish themselves; in a browser a form follows.
    publishes: bool = False


Handler = Callable[[HttpRequest, Door], HttpResponse]


class MethodError(DashboardError):
    code = "method_not_allowed"
    status = 405


def collection(request: HttpRequest, open_door: Callable[[], Door]) -> HttpResponse:
    """Where uploads are started."""
    return _answer(request, open_door, {"POST": _create})


def resource(request: HttpRequest, open_door: Callable[[], Door], upload_id: UUID) -> HttpResponse:
    """One upload: its offset, the next piece, its end; GET is for people and programs without tus."""

    def on(act: Callable[[HttpRequest, Door, Upload], HttpResponse]) -> Handler:
        return lambda request, door: act(request, door, _find(door, upload_id))

    handlers = {"HEAD": on(_head), "PATCH": on(_patch), "DELETE": on(_delete), "GET": on(_show)}
    return _answer(request, open_door, handlers)


def _answer(request: HttpRequest, open_door: Callable[[], Door], handlers: Mapping[str, Handler]) -> HttpResponse:
    method = tus.method_of(request)
    try:
        response = capabilities() if method == "OPTIONS" else _handle(request, method, open_door(), handlers)
    except DashboardError as error:
        response = _refusal(error, [*handlers, "OPTIONS"])
    response["Tus-Resumable"] = tus.VERSION
    response["Cache-Control"] = "no-store"
    return response


def _handle(request: HttpRequest, method: str, door: Door, handlers: Mapping[str, Handler]) -> HttpResponse:
    if method not in handlers:
        raise MethodError(f"{method} means nothing here.")
    if method != "GET":
        tus.check_version(request.headers)
    return handlers[method](request, door)


def _find(door: Door, upload_id: UUID) -> Upload:
    """Also one that a program sent and that was published: the answer to its last piece may have been lost."""
    try:
        return access.get_upload(door.owner, upload_id)
    except UploadGoneError:
        return access.get_published(door.owner, upload_id)


def capabilities() -> HttpResponse:
    """What this server can do; nobody needs to be known for it."""
    return _empty(
        {
            "Tus-Resumable": tus.VERSION,
            "Tus-Version": tus.VERSION,
            "Tus-Extension": ",".join(tus.EXTENSIONS),
            "Tus-Max-Size": str(settings.MAX_CHECKPOINT_BYTES),
            "Tus-Checksum-Algorithm": ",".join(tus.ALGORITHMS),
        }
    )


def _create(request: HttpRequest, door: Door) -> HttpResponse:
    length = tus.read_upload_length(request.headers)
    metadata = tus.read_metadata(request.headers)
    fields = unattended.check_fields(door.owner, metadata, complete=door.publishes)
    upload = uploads.start(
        door.owner,
        length=length,
        file_name=metadata.get("filename", ""),
        user=door.user,
        api_key=door.api_key,
        fields=fields | {METADATA: request.headers.get("Upload-Metadata", "")},
    )
    headers = {"Location": door.path_of(upload.pk), "Upload-Expires": tus.expires(upload.expires_at)}
    return _empty(headers, HTTPStatus.CREATED)


def _head(request: HttpRequest, door: Door, upload: Upload) -> HttpResponse:
    headers = _place(upload, uploads.offset_of(upload)) | {"Upload-Length": str(upload.length)}
    if metadata := upload.fields.get(METADATA):
        headers["Upload-Metadata"] = metadata
    return _empty(headers | _published(door, upload.version), HTTPStatus.OK)


def _patch(request: HttpRequest, door: Door, upload: Upload) -> HttpResponse:
    tus.check_content_type(request.headers)
    length = tus.read_content_length(request.headers)
    offset = tus.read_offset(request.headers)
    checksum = tus.read_checksum(request.headers)
    if upload.version:
        return _repeat(door, upload, offset, length)
    try:
        with receiving(door.owner.pk):
            end = uploads.append(upload, request, offset=offset, length=length, checksum=checksum)
        if door.publishes and end == upload.length and unattended.is_complete(upload.fields):
            _check_key(door)
            return _empty({"Upload-Offset": str(end)} | _published(door, unattended.publish(upload)))
    except UploadGoneError:  # maybe another request published it meanwhile
        return _repeat(door, access.get_published(door.owner, upload.pk), offset, length)
    return _empty(_place(upload, end))


def _check_key(door: Door) -> None:
    """A piece may take hours to come, and its key may be revoked in them."""
    if door.api_key and not is_live(door.api_key):
        raise ForbiddenError("This API key was revoked. The upload is kept: an empty piece with another publishes it.")


def _repeat(door: Door, upload: Upload, offset: int, length: int) -> HttpResponse:
    """The answer to the last piece once more; nothing can be added to what is published."""
    if offset != upload.length or length:
        raise OffsetConflictError(offset, upload.length)
    return _empty(_place(upload, offset) | _published(door, upload.version))


def _delete(request: HttpRequest, door: Door, upload: Upload) -> HttpResponse:
    if upload.version:
        raise UploadGoneError
    uploads.cancel(upload)
    return _empty({})


def _show(request: HttpRequest, door: Door, upload: Upload) -> HttpResponse:
    offset = uploads.offset_of(upload)
    state = {
        "id": str(upload.pk),
        "status": _status(upload, offset),
        "offset": offset,
        "length": upload.length,
        "expires_at": upload.expires_at.isoformat(),
        "file_name": upload.file_name,
    }
    if version := upload.version:
        state |= {"finetune_id": version.finetune.id_for(door.owner), "version": version.number}
    return JsonResponse(state)


def _status(upload: Upload, offset: int) -> str:
    if upload.version:
        return "published"
    return "received" if offset == upload.length else "receiving"


def _place(upload: Upload, offset: int) -> dict[str, str]:
    return {"Upload-Offset": str(offset), "Upload-Expires": tus.expires(upload.expires_at)}


def _published(door: Door, version: Version | None) -> dict[str, str]:
    if version is None:
        return {}
    return {"X-Finetune-Id": version.finetune.id_for(door.owner), "X-Finetune-Version": str(version.number)}


def _empty(headers: Mapping[str, str], status: HTTPStatus = HTTPStatus.NO_CONTENT) -> HttpResponse:
    response = HttpResponse(status=status, headers=dict(headers))
    del response["Content-Type"]
    return response


def _refusal(error: DashboardError, methods: list[str]) -> HttpResponse:
    body = error_body(error.message) | ({"field": error.field} if error.field else {})
    response = JsonResponse(body, status=error.status)
    if isinstance(error, MethodError):
        response["Allow"] = ", ".join(methods)
    hint_retry(response, error)
    if isinstance(error, tus.VersionError):
        response["Tus-Version"] = tus.VERSION
    return response
