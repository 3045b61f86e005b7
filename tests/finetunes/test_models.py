"""What the database itself refuses of a finetune, and what a finetune says of itself."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from dashboard.bfl.endpoints import FINETUNED_ENDPOINTS, BaseModel, Precision, is_served
from finetunes.models import Finetune, Source
from tests.conftest import Cast
from tests.factories import make_finetune, make_version

PAIRS = [(model, precision) for model in BaseModel for precision in Precision]


@pytest.mark.parametrize(("base_model", "precision"), PAIRS)
def test_database_keeps_only_pairs_that_an_endpoint_serves(
    cast: Cast, base_model: BaseModel, precision: Precision
) -> None:
    if is_served(base_model, precision):
        finetune = make_finetune(cast.organization, base_model=base_model, precision=precision)
        assert finetune.endpoint in FINETUNED_ENDPOINTS
        assert (finetune.endpoint.base_model, finetune.endpoint.precision) == (base_model, precision)
        return
    with pytest.raises(IntegrityError), transaction.atomic():
        make_finetune(cast.organization, base_model=base_model, precision=precision)


def test_database_keeps_no_checkpoint_of_flux_1(cast: Cast) -> None:
    finetune = make_finetune(cast.organization, base_model=BaseModel.FLUX_1_PRO)
    assert (finetune.checkpoint, finetune.precision_label) == (None, "")
    with pytest.raises(IntegrityError), transaction.atomic():
        make_version(finetune)
    with pytest.raises(IntegrityError), transaction.atomic():
        Finetune.objects.filter(pk=cast.finetune.pk).update(base_model=BaseModel.FLUX_1_PRO)


def test_strength_to_start_with_is_the_endpoints_own(cast: Cast) -> None:
    assert cast.finetune.strength == 1.0
    finetune = make_finetune(cast.organization, base_model=BaseModel.FLUX_1_PRO)
    assert finetune.strength == 1.2
    finetune.recommended_strength = Decimal("0.8")
    assert finetune.strength == 0.8


def test_database_refuses_an_unknown_base_model(cast: Cast) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Finetune.objects.filter(pk=cast.finetune.pk).update(base_model="flux-3")


@pytest.mark.parametrize("name", ["Ink", "ink portrait", "a/b", "é"])
def test_database_refuses_other_characters_in_a_name(cast: Cast, name: str) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Finetune.objects.filter(pk=cast.finetune.pk).update(name=name)


def test_database_keeps_a_name_once_an_owner(cast: Cast) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_finetune(cast.organization, "ink-portrait")
    assert make_finetune(cast.outsider.organization, "ink-portrait").pk


def test_owner_with_finetunes_cannot_be_deleted(cast: Cast) -> None:
    with pytest.raises(ProtectedError):
        cast.organization.delete()


def test_id_and_source_depend_on_who_looks(cast: Cast) -> None:
    owner, recipient = cast.organization, cast.recipient.organization
    assert cast.granted.id_for(owner) == "velvet-noir"
    assert cast.granted.id_for(recipient) == f"{owner.org_id}/velvet-noir"
    assert cast.granted.source_for(owner) == Source.OWNED
    assert cast.granted.source_for(recipient) == Source.THIRD_PARTY
