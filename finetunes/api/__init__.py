"""The catalog under /v1: the calls that BFL has, the whole catalog beyond them, and uploads."""

from ninja import Router

from finetunes.api.bfl import router as bfl_router
from finetunes.api.catalog import router as catalog_router
from finetunes.api.grants import router as grants_router
from finetunes.api.uploads import router as uploads_router
from finetunes.api.versions import router as versions_router

router = Router()
router.add_router("", uploads_router)
# Those of the catalog last: its `{org_id}/{name}` would take what the others name.
for each in (bfl_router, versions_router, grants_router, catalog_router):
    router.add_router("", each)
