"""Under which name the upstream knows a finetune, and whose name on this server that is.

The upstream has one account for all organizations here: there its names are told apart by nobody but us. With the
sandbox there is nothing to tell apart, since it has no finetunes of its own.
"""

from functools import cache

from django.conf import settings
from django.core.cache import cache as shared_cache
from django.db.models import Case, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import Coalesce

from dashboard.bfl.client import BflClient
from dashboard.organizations.models import Organization
from finetunes.models import Finetune, FormerName

# Someone waits for the page.
READ_SECONDS = 10
TOTAL_SECONDS = 20
CONNECTIONS = 4
KEPT_SECONDS = 20
KEY = "upstream-finetunes"


def upstream_id_of(finetune: Finetune) -> str:
    return finetune.upstream_name or finetune.name


def is_real() -> bool:
    """Whether the upstream is an account somewhere else."""
    return not settings.UPSTREAM_IS_SANDBOX


def may_use(organization: Organization) -> bool:
    """Whether finetunes of this organization may stand for those of the upstream's account."""
    chosen = settings.UPSTREAM_ORGANIZATIONS
    return is_real() and (not chosen or organization.org_id in chosen)


def holder_of(upstream_id: str) -> Finetune | None:
    """The finetune that this name belongs to: one that says so, else the one that is called so longest. In one query.

    Not the oldest one: else who renames an old finetune would take the name from whom has it.
    """
    answering = _answering().filter(Q(upstream_name=upstream_id) | Q(upstream_name="", name=upstream_id))
    said = Case(When(upstream_name=upstream_id, then=0), default=1)
    renames = FormerName.objects.filter(finetune=OuterRef("pk")).order_by("-created_at")
    named_at = Coalesce(Subquery(renames.values("created_at")[:1]), "created_at")
    return answering.order_by(said, named_at, "pk").first()


def belongs_to(upstream_id: str, owner: Organization) -> bool:
    """Whether finetunes of this organization may use the name: it is its own, or nobody's."""
    holder = holder_of(upstream_id)
    return holder is None or holder.organization_id == owner.pk


def claimed() -> set[str]:
    """Every name that a finetune on this server answers for, those in the trash too."""
    return {upstream_name or name for upstream_name, name in _answering().values_list("upstream_name", "name")}


def ask_finetunes(*, anew: bool = False) -> list[str]:
    """The names in the upstream's account, kept for a few seconds. Raises UpstreamError."""
    names: list[str] | None = None if anew else shared_cache.get(KEY)
    if names is None:
        names = client().my_finetunes()
        shared_cache.set(KEY, names, KEPT_SECONDS)
    return names


def client() -> BflClient:
    return _client(settings.BFL_API_URL, settings.BFL_API_KEY, tuple(settings.BFL_API_URLS.items()))


@cache
def _client(url: str, key: str, hosts: tuple[tuple[str, str], ...]) -> BflClient:
    return BflClient(
        url, key, hosts=dict(hosts), connections=CONNECTIONS, read_seconds=READ_SECONDS, total_seconds=TOTAL_SECONDS
    )


def _answering() -> QuerySet[Finetune]:
    """Finetunes of organizations that may not use the account take no name of it away."""
    finetunes = Finetune.objects.all()
    chosen = settings.UPSTREAM_ORGANIZATIONS
    return finetunes.filter(organization__org_id__in=chosen) if chosen else finetunes
