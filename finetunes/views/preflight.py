"""What the browser asks about a chosen file before it sends it."""

import io
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from dashboard.lib.errors import InvalidInputError
from dashboard.organizations.access import get_membership
from dashboard.organizations.models import Organization
from dashboard.organizations.roles import Permission
from finetunes import queries
from finetunes.access import get_finetune, get_upload
from finetunes.checkpoints.header import LENGTH_BYTES, MAX_HEADER_BYTES, read_header
from finetunes.checkpoints.inspection import inspect
from finetunes.findings import Finding, judge, propose_name
from finetunes.forms.checkpoints import PreflightForm
from finetunes.services import catalog, uploads
from finetunes.uploads.errors import UploadGoneError

MAX_HEAD_BYTES = LENGTH_BYTES + MAX_HEADER_BYTES


@login_required
@require_POST
def preflight(request: HttpRequest, org_id: str) -> HttpResponse:
    """The panel beneath the file: 200 for one that can be used, 422 for one that cannot."""
    owner = get_membership(request, org_id, Permission.EDIT_FINETUNES).organization
    form = PreflightForm(request.POST, request.FILES)
    if not form.is_valid():
        raise InvalidInputError("This is no question about a file: reload the page and choose the file again.")
    if digest := form.cleaned_data["weights_sha256"]:
        return _render_same(request, owner, digest, form.cleaned_data["version_of"])
    finding = _find(owner, form)
    context = {"finding": finding, "organization": owner}
    return render(request, "finetunes/found.html", context, status=422 if finding.refusal else 200)


def _render_same(request: HttpRequest, owner: Organization, digest: str, version_of: str) -> HttpResponse:
    same = queries.find_same_weights(owner, digest)
    is_itself = same is not None and same.name == version_of
    context = {"same": same, "is_itself": is_itself, "organization": owner}
    return render(request, "finetunes/same_weights.html", context)


def _find(owner: Organization, form: PreflightForm) -> Finding:
    data = form.cleaned_data
    version_of = get_finetune(owner, data["version_of"]) if data["version_of"] else None
    name = "" if version_of else propose_name(owner, data["file_name"])
    size = data["size"] or 0
    try:
        head = data["head"].read(MAX_HEAD_BYTES) if data["head"] else b""
        inspection = inspect(read_header(io.BytesIO(head), size), file_name=data["file_name"])
        finding = judge(inspection, name=name, base_model=data["base_model"], version_of=version_of)
        # A whole model is refused for what it is, and not for its size.
        if not finding.refusal and not _has_room(owner, data["upload"]):
            uploads.check_room(owner, size)
    except InvalidInputError as error:
        return Finding(refusal=error.message)
    if data["is_final"] and version_of is None:
        _check_fields(owner, data, finding)
    return finding


def _has_room(owner: Organization, upload_id: UUID | None) -> bool:
    """Whether the file has its place in the quota already, from when its upload began."""
    try:
        return bool(upload_id and get_upload(owner, upload_id))
    except UploadGoneError:
        return False


def _check_fields(owner: Organization, data: dict[str, str], finding: Finding) -> None:
    """For an upload that goes on: it was checked when it began, maybe with other fields."""
    fields = {name: data[name] for name in ("name", "base_model", "precision", "trigger_phrase")}
    try:
        catalog.check_new(owner, **fields)
    except InvalidInputError as error:
        finding.errors[error.field or "name"] = error.message
