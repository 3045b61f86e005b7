"""What the Playground answers under /v1."""

from ninja import Router

from playground.api.cancelling import router as cancelling_router
from playground.api.endpoints import router as endpoints_router
from playground.api.openai import router as openai_router
from playground.api.results import router as results_router

router = Router()
router.add_router("", endpoints_router)
router.add_router("", results_router)
router.add_router("", cancelling_router)
router.add_router("", openai_router)
