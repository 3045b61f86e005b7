"""The price beside the button, and the reason why it can't run: credits, role, size, model, the month's images."""

import pytest
from django.http import QueryDict
from django.utils import timezone

from dashboard.organizations.models import Membership
from finetunes.models import Grant
from finetunes.services import uses
from playground.forms.generate import GenerateForm
from playground.forms.quotes import Quote, quote_of
from tests.conftest import Cast, log_in
from tests.factories import make_finetune, make_member, make_organization


def quote(member: Membership, **fields: object) -> Quote:
    data = QueryDict(mutable=True)
    data.update({name: str(value) for name, value in fields.items()})
    return quote_of(GenerateForm(data, caller=member.organization), member)


def said(quoted: Quote) -> tuple[str, str]:
    assert quoted.reason
    return quoted.reason.sentence, quoted.reason.field


def test_whole_batch_is_priced_and_what_is_left_after(cast: Cast) -> None:
    quoted = quote(cast.creator, model="ink-portrait", count=3)
    assert (quoted.total_text, quoted.each_text, quoted.count, quoted.left_text) == ("4.2", "1.4", 3, "95.8")
    assert quoted.reason is None


@pytest.mark.parametrize("count", ["0", "99", "many", "-1", "9" * 5_000, "²", "1e400"])
def test_number_of_images_that_is_none_still_has_a_price(cast: Cast, count: str) -> None:
    assert quote(cast.creator, model="ink-portrait", count=count).total_text


def test_credits_for_a_part_of_the_batch_say_for_how_many(db: None) -> None:
    poor = make_organization("Poor", credits=3)
    make_finetune(poor, "ink-portrait")
    member = make_member(poor)
    assert quote(member, model="ink-portrait", count=2).reason is None
    short = quote(member, model="ink-portrait", count=8)
    assert said(short) == ("Not enough credits for 8 images; they last for 2.", "count")
    assert short.left_text == ""


def test_without_credits_only_whoever_may_see_billing_is_led_there(db: None) -> None:
    broke = make_organization("Broke", credits=0)
    data = {"model": "/v1/flux-2-klein-4b"}
    pages = {}
    for role in ("administrator", "creator"):
        client = log_in(make_member(broke, role).user)  # type: ignore[arg-type]
        pages[role] = client.post(f"/o/{broke.org_id}/playground/quote/", data).content.decode()
    assert "Not enough credits: ask the operator of this server to add some." in pages["creator"]
    assert "/billing/" not in pages["creator"]
    assert f"/o/{broke.org_id}/billing/" in pages["administrator"]


def test_role_comes_before_everything_else(cast: Cast) -> None:
    sentence, field = said(quote(cast.viewer, model="ink-portrait", count=8))
    assert sentence.startswith("Your role, Viewer, may look but not generate.")
    assert field == ""


def test_size_and_model_name_their_fields(cast: Cast) -> None:
    assert said(quote(cast.creator, model="ink-portrait", width=9000))[1] == "width"
    assert said(quote(cast.creator, model="nothing"))[1] == "model"


def test_cap_of_a_grant_shows_what_is_left_and_stops_when_it_is_used_up(cast: Cast) -> None:
    caller = cast.recipient.organization
    fields = {"model": str(cast.granted)}
    assert quote(cast.recipient, **fields).allowance == ""
    Grant.objects.filter(finetune=cast.granted, organization=caller).update(monthly_cap=3)
    assert quote(cast.recipient, **fields).allowance == "3 of 3 images of this finetune left this month"
    for _ in range(2):
        uses.take(cast.granted, caller, 1.0, timezone.now())
    assert quote(cast.recipient, **fields).reason is None
    few = quote(cast.recipient, **fields, count=2)
    assert said(few) == ("Only 1 of 3 images of this finetune are left this month: ask for fewer.", "count")
    uses.take(cast.granted, caller, 1.0, timezone.now())
    sentence, field = said(quote(cast.recipient, **fields))
    assert sentence.startswith("3 of 3 images of this finetune are used this month. The count starts again on 1 ")
    assert field == "model"
    assert quote(cast.recipient, **fields).allowance == ""
