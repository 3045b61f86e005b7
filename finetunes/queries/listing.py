"""The catalog as one organization reads it: filters, sorts and keyset pages, each row with what a list shows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Exists, FilteredRelation, OuterRef, Q, Subquery, Sum, TextChoices
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact
from django.utils import timezone

from dashboard.lib.keyset import Column, moment, number, read_keys, text
from dashboard.organizations.models import Organization, User
from finetunes.models import Favourite, Finetune, FinetuneQuerySet, Grant, Source, Tag, Use
from finetunes.queries import PAGE_SIZE, Tab

USES_DAYS = 30
MOST_WORDS = 8
SEPARATOR = "/"
WORD = re.compile("[a-z0-9]+")


class Sort(TextChoices):
    NAME = "name", "Name"
    NEWEST = "newest", "Newest"
    MOST_USED = "used", "Most used"


ORDERS: dict[Sort, tuple[Column, ...]] = {
    Sort.NAME: (Column("name", text), Column("pk", number)),
    Sort.NEWEST: (Column("created_at", moment, descending=True), Column("pk", number, descending=True)),
    Sort.MOST_USED: (Column("uses_30", number, descending=True), Column("name", text), Column("pk", number)),
}


@dataclass(frozen=True)
class Filters:
    """Which finetunes are asked for, in which order; what is left empty leaves all in."""

    tab: Tab = Tab.ALL
    search: str = ""
    base_model: str = ""
    precision: str = ""
    tag: str = ""
    starred_by: User | None = None
    sort: Sort = Sort.NAME

    @property
    def narrows(self) -> bool:
        """Whether it leaves out some of its tab."""
        return bool(self.search or self.base_model or self.precision or self.tag or self.starred_by)


@dataclass(frozen=True)
class Row:
    """A finetune as the viewing organization sees it. What a list does not show is deferred: the checkpoint's facts."""

    finetune: Finetune
    finetune_id: str
    source: Source
    uses: int
    rank: str
    tags: list[str]
    is_favourite: bool

    @property
    def is_own(self) -> bool:
        return self.finetune_id == self.finetune.name

    @property
    def initials(self) -> str:
        """Where there is no picture: of the first two words of its name."""
        words = WORD.findall(self.finetune.name)
        return "".join(word[0] for word in words[:2]).upper() or "–"


@dataclass(frozen=True)
class Page:
    """`previous` and `next` are the cursors of the pages beside this one; None where there is none."""

    rows: list[Row]
    previous: str | None
    next: str | None


def read_page(
    viewer: Organization, filters: Filters, cursor: str | None, *, size: int = PAGE_SIZE, user: User | None = None
) -> Page:
    """One page, from a cursor on. `user` is whose favourites the rows tell of. Three statements, however many rows."""
    found = find(viewer, filters)
    if filters.sort == Sort.MOST_USED:
        found = _with_uses(found, viewer)
    keys = read_keys(found, ORDERS[filters.sort], cursor, size=size)
    return Page(_read_rows(viewer, [key[-1] for key in keys.rows], user), keys.previous, keys.next)


def read_row(viewer: Organization, pk: int, user: User | None = None) -> Row | None:
    """A row by itself; None for what the viewer does not see."""
    return next(iter(_read_rows(viewer, [pk], user)), None)


def count_matches(viewer: Organization, filters: Filters) -> int:
    return find(viewer, filters).count()


def find(viewer: Organization, filters: Filters) -> FinetuneQuerySet:
    """What the filters leave, in no order."""
    found = _tab(viewer, filters.tab)
    if filters.base_model:
        found = found.filter(base_model=filters.base_model)
    if filters.precision:
        found = found.filter(precision=filters.precision)
    if filters.tag:
        found = found.filter(_tagged(viewer, Q(name=filters.tag)))
    if filters.starred_by:
        found = found.filter(Exists(Favourite.objects.filter(user=filters.starred_by, finetune=OuterRef("pk"))))
    for word in filters.search.split()[:MOST_WORDS]:
        found = found.filter(_matches(viewer, word))
    return found.order_by()


def find_chosen(viewer: Organization, pks: Sequence[int]) -> FinetuneQuerySet:
    """Those of `pks` that the viewer sees, by name, each with its owner."""
    return Finetune.objects.visible_to(viewer).filter(pk__in=pks).select_related("organization")


@dataclass(frozen=True)
class Chosen:
    """Ticked rows, by what a deletion of several may do to them."""

    deletable: list[Finetune]
    relied_on: list[Finetune]
    of_others: list[Finetune]

    def __bool__(self) -> bool:
        return bool(self.deletable or self.relied_on or self.of_others)


def sort_chosen(viewer: Organization, pks: Sequence[int]) -> Chosen:
    """Own ones that no other organization may use can go together; the page of another one tells who relies on it."""
    grants = Grant.objects.live(timezone.now()).filter(finetune=OuterRef("pk"))
    chosen = list(find_chosen(viewer, pks).annotate(is_granted=Exists(grants)))
    own = [finetune for finetune in chosen if finetune.organization_id == viewer.pk]
    relied_on = [finetune for finetune in own if finetune.is_official or vars(finetune)["is_granted"]]
    return Chosen(
        deletable=[finetune for finetune in own if finetune not in relied_on],
        relied_on=relied_on,
        of_others=[finetune for finetune in chosen if finetune not in own],
    )


def tags_of(organization: Organization, finetune: Finetune) -> list[str]:
    """The organization's own tags on it, in order."""
    return list(finetune.tags.filter(organization=organization).order_by("name").values_list("name", flat=True))


def list_tags(viewer: Organization) -> list[str]:
    """Those that stand on something the viewer sees."""
    seen = Finetune.objects.visible_to(viewer).filter(tags=OuterRef("pk"))
    tags = Tag.objects.filter(Exists(seen), organization=viewer)
    return list(tags.order_by("name").values_list("name", flat=True))


def _tab(viewer: Organization, tab: Tab) -> FinetuneQuerySet:
    if tab is Tab.OWNED:
        return Finetune.objects.owned_by(viewer)
    if tab is Tab.SHARED:
        return Finetune.objects.shared_with(viewer)
    return Finetune.objects.visible_to(viewer)


def _matches(viewer: Organization, word: str) -> Q:
    """A word of the search: part of a name, trigger phrase, tag or owner; or a pasted `{owner_org_id}/{name}`."""
    owner, separator, name = word.partition(SEPARATOR)
    if separator:
        return Q(organization__org_id__iexact=owner, name__istartswith=name)
    owned = Q(organization__name__icontains=word) | Q(organization__org_id__iexact=word)
    tagged = Q(_tagged(viewer, Q(name__contains=word.lower())))
    return Q(name__icontains=word) | Q(trigger_phrase__icontains=word) | owned | tagged


def _tagged(viewer: Organization, named: Q) -> Exists:
    return Exists(Tag.objects.filter(named, organization=viewer, finetunes=OuterRef("pk")))


def _uses_for(viewer: Organization) -> Coalesce:
    """Images of the last days: of every caller for what the viewer owns, else its own alone."""
    told = Q(organization=viewer) | Q(Exact(OuterRef("organization_id"), viewer.pk))
    uses = (
        Use.objects.filter(told, finetune=OuterRef("pk"), day__gte=_first_day())
        .order_by()
        .values("finetune")
        .annotate(total=Sum("images"))
        .values("total")
    )
    return Coalesce(Subquery(uses), 0)


def _with_uses(found: FinetuneQuerySet, viewer: Organization) -> FinetuneQuerySet:
    """The same figure by a join: an order by it needs it for all that is found, not for the rows of a page."""
    told = Q(recent__organization=viewer) | Q(organization=viewer)
    recent = FilteredRelation("uses", condition=Q(uses__day__gte=_first_day()))
    summed = Coalesce(Sum("recent__images", filter=told), 0)
    return found.annotate(recent=recent).values("pk", "name").annotate(uses_30=summed)  # type: ignore[return-value]


def _first_day() -> date:
    return timezone.now().date() - timedelta(days=USES_DAYS - 1)


def _read_rows(viewer: Organization, pks: list[int], user: User | None) -> list[Row]:
    """In the order of `pks`; what is gone since they were read is left out."""
    finetunes = (
        Finetune.objects.visible_to(viewer)
        .filter(pk__in=pks)
        .select_related("organization", "current_version__checkpoint", "cover")
        .defer("current_version__checkpoint__facts", "cover__prompt")
        .annotate(
            uses_30=_uses_for(viewer),
            rank=KeyTextTransform("rank", "current_version__checkpoint__facts"),
            is_favourite=Exists(Favourite.objects.filter(user=user, finetune=OuterRef("pk"))),
        )
    )
    by_pk = {finetune.pk: finetune for finetune in finetunes.order_by()}
    tags = _read_tags(viewer, pks)
    return [_row(viewer, by_pk[pk], tags.get(pk, [])) for pk in pks if pk in by_pk]


def _read_tags(viewer: Organization, pks: list[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    tags = Tag.objects.filter(organization=viewer, finetunes__in=pks).order_by("name")
    for pk, name in tags.values_list("finetunes", "name"):
        found.setdefault(pk, []).append(name)
    return found


def _row(viewer: Organization, finetune: Finetune, tags: list[str]) -> Row:
    annotated = vars(finetune)
    return Row(
        finetune=finetune,
        finetune_id=finetune.id_for(viewer),
        source=finetune.source_for(viewer),
        uses=annotated["uses_30"],
        rank=str(annotated["rank"] or ""),
        tags=tags,
        is_favourite=annotated["is_favourite"],
    )
