"""The download of a checkpoint, for its owner's Administrators and Developers."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_safe

from dashboard.lib.errors import NotFoundError
from dashboard.lib.file_download import is_continued, send_file
from dashboard.organizations.access import get_membership
from dashboard.organizations.roles import Permission
from finetunes.access import get_finetune, get_version
from finetunes.services.downloads import record_download

RANGE_NOT_SATISFIABLE = 416
MISSING = "The file of {name} {label} is missing in the storage. Upload the checkpoint again as a new version."


@login_required
@require_safe
def download(request: HttpRequest, org_id: str, name: str, number: int) -> StreamingHttpResponse | HttpResponse:
    membership = get_membership(request, org_id, Permission.EDIT_FINETUNES)
    version = get_version(get_finetune(membership.organization, name), number)
    checkpoint = version.checkpoint
    try:
        response = send_file(
            request,
            str(checkpoint.file.name),
            size=checkpoint.bytes,
            file_name=f"{name}-{version.label}.safetensors",
            etag=checkpoint.sha256,
        )
    except FileNotFoundError:
        raise NotFoundError(MISSING.format(name=name, label=version.label)) from None
    if request.method == "GET" and response.status_code != RANGE_NOT_SATISFIABLE:
        record_download(version, membership.user, is_continued=is_continued(request))
    return response
