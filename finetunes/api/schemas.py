"""What the catalog's calls take. Unknown fields are ignored; the services judge what goes with what."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import pydantic
from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from dashboard.bfl.endpoints import BaseModel, Precision
from dashboard.bfl.inputs import Text
from dashboard.lib.errors import InvalidInputError
from finetunes.models import NAME_MAX, STRENGTHS, TAG_MAX
from finetunes.queries import Tab
from finetunes.queries.listing import Filters, Sort
from finetunes.services import editing, grants
from finetunes.services.labels import MOST_ON_A_FINETUNE, clean_tag

MAX_LIMIT = 100
DEFAULT_LIMIT = 50
ORG_ID_MAX = 40
SEARCH_MAX = 200


def _as_utc(value: datetime) -> datetime:
    """A time without a zone is UTC; the calendar's first and last hours have none."""
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("datetime_out_of_range", "Input should be a time within the calendar") from None


def _or_empty(value: Any) -> Any:
    return "" if value is None else value


def _as_tag(value: str) -> str:
    try:
        return clean_tag(value)
    except InvalidInputError as error:
        raise PydanticCustomError("tag", "{why}", {"why": error.message}) from None


Moment = Annotated[datetime, AfterValidator(_as_utc)]
Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT)]
Name = Annotated[Text, Field(max_length=NAME_MAX)]
TriggerPhrase = Annotated[Text, Field(max_length=editing.TRIGGER_MAX), BeforeValidator(_or_empty)]
Description = Annotated[Text, Field(max_length=editing.DESCRIPTION_MAX), BeforeValidator(_or_empty)]
LicenseNote = Annotated[Text, Field(max_length=editing.LICENSE_MAX), BeforeValidator(_or_empty)]
Strength = Annotated[Decimal, Field(ge=STRENGTHS[0], le=STRENGTHS[1], decimal_places=editing.DECIMALS)]
Prompts = Annotated[list[Annotated[Text, Field(max_length=editing.PROMPT_MAX)]], Field(max_length=editing.PROMPTS_MAX)]
Tag = Annotated[Text, AfterValidator(_as_tag)]
Tags = Annotated[list[Tag], Field(max_length=MOST_ON_A_FINETUNE)]


class Paging(pydantic.BaseModel):
    """`after` is the `next` of the page before."""

    limit: Limit = DEFAULT_LIMIT
    after: str | None = None


class Filter(Paging):
    """Of the list."""

    tab: Tab = Tab.ALL
    search: Annotated[Text, Field(max_length=SEARCH_MAX)] = ""
    base_model: BaseModel | None = None
    precision: Precision | None = None
    tag: Annotated[Text, Field(max_length=TAG_MAX)] = ""
    sort: Sort = Sort.NAME

    def as_filters(self) -> Filters:
        return Filters(
            tab=self.tab,
            search=self.search,
            base_model=self.base_model or "",
            precision=self.precision or "",
            tag=self.tag.strip().lower(),
            sort=self.sort,
        )


class Deletion(pydantic.BaseModel):
    finetune_id: Text


class Edit(pydantic.BaseModel):
    """Of these only what was sent counts, never a default; null clears a text, and takes the strength back to 1."""

    name: Name = ""
    base_model: BaseModel = BaseModel.KLEIN_4B
    precision: Precision = Precision.FP8
    trigger_phrase: TriggerPhrase = ""
    description: Description = ""
    recommended_strength: Strength | None = None
    example_prompts: Prompts = Field(default_factory=list)
    license_note: LicenseNote = ""
    tags: Tags = Field(default_factory=list)

    def sent(self) -> dict[str, Any]:
        return {field: getattr(self, field) for field in self.model_fields_set}


class NewFinetune(Edit):
    """The fields of the form that come beside its file."""

    name: Name
    base_model: BaseModel
    strip_metadata: bool = False


class Limits(pydantic.BaseModel):
    """Of a grant; null lifts one."""

    expires_at: Moment | None = None
    monthly_cap: Annotated[int, Field(ge=1, le=grants.MOST_IMAGES)] | None = None

    def sent(self) -> dict[str, Any]:
        return {field: getattr(self, field) for field in Limits.model_fields if field in self.model_fields_set}


class NewGrant(Limits):
    org_id: Annotated[Text, Field(min_length=1, max_length=ORG_ID_MAX)]
