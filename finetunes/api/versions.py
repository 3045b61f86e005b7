"""The versions of an own finetune: which there are, and which one is served."""

from ninja import Query, Router

from dashboard.bfl.openapi import CATALOG, told
from dashboard.lib.keyset import read_cursor, read_page
from dashboard.organizations.access import ApiRequest, keys_that_may
from dashboard.organizations.roles import Scope
from finetunes import access, queries
from finetunes.api.answers import VersionOut, VersionPage, version_out
from finetunes.api.doors import get_own
from finetunes.api.schemas import Paging
from finetunes.services.versions import make_current

router = Router(tags=[CATALOG])
READERS, MANAGERS = keys_that_may(Scope.READ), keys_that_may(Scope.MANAGE)


@router.get(
    "/finetunes/{finetune_id}/versions",
    response=VersionPage,
    auth=READERS,
    url_name="versions",
    summary="List the versions of a finetune",
    openapi_extra=told(404),
)
def versions(request: ApiRequest, finetune_id: str, paging: Query[Paging]) -> VersionPage:
    """Newest first, a page at a time; `next` is the `after` of the next one."""
    finetune = get_own(request.auth.organization, finetune_id)
    page = read_page(queries.list_versions(finetune), before=read_cursor(paging.after), size=paging.limit)
    found = [version_out(version, finetune.current_version_id) for version in page.rows]
    return VersionPage(versions=found, next=str(page.older) if page.older else None)


@router.post(
    "/finetunes/{finetune_id}/versions/{int:number}/use",
    response=VersionOut,
    auth=MANAGERS,
    url_name="version_use",
    summary="Make a version current",
    openapi_extra=told(404),
)
def use(request: ApiRequest, finetune_id: str, number: int) -> VersionOut:
    """Serves this version from now on; said twice, it is the same."""
    owner = request.auth.organization
    version = access.get_version(get_own(owner, finetune_id), number)
    make_current(version)
    # As it is now: the finetune may have been deleted meanwhile, or its base model corrected.
    return version_out(version, get_own(owner, finetune_id).current_version_id)
