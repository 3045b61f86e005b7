"""What the model picker offers: finetunes in groups, favourites first and a part of each at a time; and base models."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from django.db.models import Case, Count, Exists, OuterRef, Q, When

from dashboard.lib.keyset import Column, Keys, number, read_keys, text
from dashboard.organizations.models import Organization, User
from finetunes.models import Favourite, Finetune, FinetuneQuerySet, Source
from finetunes.queries.listing import MOST_WORDS, Filters, find
from playground.models import Generation
from playground.offered import BASE_GROUP, GROUP_LABELS, Model, base_models, model_of

# Finetunes that come at once: all of them, or else the first of each group.
PAGE_SIZE = 30
FIRST_OF_GROUP = PAGE_SIZE // len(GROUP_LABELS)
# Above so many, those that were used last stand apart.
AT_A_GLANCE = 8
USED_LAST = 3
LOOK_BACK = 50  # generations
LAST_GROUP = "Used last"
ORDER = (Column("stars", number, descending=True), Column("name", text), Column("pk", number))
GROUPS = {
    Source.OWNED: Q(is_official=False, is_own=True),
    Source.THIRD_PARTY: Q(is_official=False, is_own=False),
    Source.OFFICIAL: Q(is_official=True),
}


@dataclass(frozen=True)
class Option:
    model: Model
    is_favourite: bool = False


@dataclass(frozen=True)
class Group:
    """`count` is of all that it holds; `next` is the cursor of those after `options`, None where there are none."""

    key: str
    label: str
    options: list[Option] = field(default_factory=list)
    count: int = 0
    next: str | None = None


@dataclass(frozen=True)
class Picker:
    """The list as one person sees it, as far as it fits a search. Queries do not grow with it."""

    viewer: Organization
    user: User
    search: str = ""

    def groups(self) -> list[Group]:
        """Those that hold something."""
        counts = self._count()
        total = sum(counts.values())
        last = self._used_last if total > AT_A_GLANCE else []
        size = FIRST_OF_GROUP if total > PAGE_SIZE else PAGE_SIZE
        keys = {source: self._keys(source, size=size, without=last) for source, count in counts.items() if count}
        options = self._options([*last, *(row[-1] for found in keys.values() for row in found.rows)])
        groups = [
            Group("last", LAST_GROUP, _chosen(options, last)),
            *(_group(source, found, options, counts[source]) for source, found in keys.items()),
            self._base_group(),
        ]
        return [group for group in groups if group.options]

    def more(self, source: Source, cursor: str | None) -> Group:
        """What follows in one group."""
        keys = self._keys(source, cursor, size=PAGE_SIZE, without=self._used_last)
        return _group(source, keys, self._options([row[-1] for row in keys.rows]))

    @cached_property
    def _found(self) -> FinetuneQuerySet:
        is_own = Case(When(organization=self.viewer, then=True), default=False)
        stars = Case(When(self._is_favourite, then=1), default=0)
        return find(self.viewer, Filters(search=self.search)).annotate(is_own=is_own, stars=stars)

    @property
    def _is_favourite(self) -> Exists:
        return Exists(Favourite.objects.filter(user=self.user, finetune=OuterRef("pk")))

    @cached_property
    def _used_last(self) -> list[int]:
        """By this person, the newest first. Who searches wants what fits best, wherever it stands."""
        if self.search:
            return []
        own = Generation.objects.of_caller(self.viewer).filter(user=self.user).order_by("-created_at")
        used = dict.fromkeys(pk for (pk,) in own.values_list("finetune")[:LOOK_BACK] if pk)
        return list(used)[:USED_LAST]

    def _count(self) -> dict[Source, int]:
        counts = self._found.aggregate(**{source.value: Count("pk", filter=which) for source, which in GROUPS.items()})
        return {source: counts[source.value] for source in GROUPS}

    def _keys(self, source: Source, cursor: str | None = None, *, size: int, without: Sequence[int]) -> Keys:
        return read_keys(self._found.filter(GROUPS[source]).exclude(pk__in=without), ORDER, cursor, size=size)

    def _options(self, pks: Sequence[int]) -> dict[int, Option]:
        finetunes = (
            Finetune.objects.visible_to(self.viewer)
            .filter(pk__in=pks)
            .select_related("organization", "cover")
            .defer("description", "example_prompts", "cover__prompt")
            .annotate(is_favourite=self._is_favourite)
        )
        return {each.pk: Option(model_of(each, self.viewer), vars(each)["is_favourite"]) for each in finetunes}

    def _base_group(self) -> Group:
        words = self.search.lower().split()[:MOST_WORDS]
        fitting = [
            model
            for model in base_models()
            if all(word in f"{model.name} {model.value} {BASE_GROUP}".lower() for word in words)
        ]
        return Group("base", BASE_GROUP, [Option(model) for model in fitting], len(fitting))


def _group(source: Source, keys: Keys, options: dict[int, Option], count: int = 0) -> Group:
    chosen = _chosen(options, [row[-1] for row in keys.rows])
    return Group(source.value, GROUP_LABELS[source], chosen, count, keys.next)


def _chosen(options: dict[int, Option], pks: Sequence[int]) -> list[Option]:
    """In the order of `pks`; what is gone since they were read is left out."""
    return [options[pk] for pk in pks if pk in options]
