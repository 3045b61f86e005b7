"""Our URLs, and before them the bare view that `tests.benchmarks.api` measures ours against."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from dashboard import urls
from playground.models import Generation


def bare(request: HttpRequest) -> HttpResponse:
    """One row by its primary key, and of it the one column, which is the least that Django's ORM can be asked for."""
    state = Generation.objects.values_list("state", flat=True).get(pk=request.GET["id"])
    return JsonResponse({"id": request.GET["id"], "state": state})


# Under /v1, so that no middleware stands before it which does not stand before get_result.
urlpatterns = [path("v1/bare", bare), *urls.urlpatterns]
handler400, handler403, handler404, handler500 = urls.handler400, urls.handler403, urls.handler404, urls.handler500
