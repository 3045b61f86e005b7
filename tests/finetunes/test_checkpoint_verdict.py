"""What an inspection decides: which files are refused, and which base models may be chosen for the others."""

import pytest

from dashboard.bfl.endpoints import BaseModel
from dashboard.lib.errors import InvalidInputError
from finetunes.checkpoints.errors import CheckpointError
from finetunes.checkpoints.inspection import Inspection, inspect
from finetunes.checkpoints.verdict import check_base_model, check_usable
from tests.checkpoints import Shapes, full_shapes, loha_shapes, lokr_shapes, lora_shapes, make_header, modules

KLEIN_4B = [BaseModel.KLEIN_4B, BaseModel.KLEIN_BASE_4B]
KLEIN_9B = [BaseModel.KLEIN_9B, BaseModel.KLEIN_9B_KV, BaseModel.KLEIN_BASE_9B]
USABLE = {
    "LoRA": lora_shapes("flux2-klein-4b"),
    "LoKr": lokr_shapes("flux2-klein-9b"),
    "ambiguous": lora_shapes("flux1", targets="first attention"),
    "in part": lora_shapes("flux2-klein-4b") | {"foo.lora_A.weight": (4, 4), "foo.lora_B.weight": (4, 4)},
}
OFT: Shapes = {f"{name}.oft_blocks": (4, 8, 8) for name in modules("flux2-klein-4b", "kohya")}
HALVES = {name: shape for name, shape in lora_shapes("flux2-klein-4b").items() if ".lora_A." in name}
REFUSED = {
    "whole model": (full_shapes("flux2-klein-4b"), ["whole model (FLUX.2 [klein] 4B)", "not a LoRA"]),
    "unknown whole model": ({"a": (4, 4)}, ["This file is a whole model and not a LoRA."]),
    "FLUX.1": (lora_shapes("flux1"), ["a LoRA for FLUX.1", "Attention input is 3072 wide", "12288 × 3072"]),
    "FLUX.2 [dev]": (lora_shapes("flux2-dev"), ["a LoRA for FLUX.2 [dev]", "Attention input is 6144 wide"]),
    "LoKr for FLUX.1": (lokr_shapes("flux1"), ["a LoKr for FLUX.1"]),
    "LoHa": (loha_shapes("flux2-klein-9b"), ["of kind LoHa, which nothing here applies", "plain LoRA"]),
    "LoHa for FLUX.1": (loha_shapes("flux1"), ["for FLUX.1, and finetunes here are for"]),
    "OFT": (OFT, ["of kind OFT", "which nothing here applies"]),
    "halves alone": (HALVES, ["would do nothing", "0 of 80 layers apply"]),
}  # fmt: skip


def look(shapes: Shapes, metadata: dict[str, str] | None = None) -> Inspection:
    return inspect(make_header(shapes, metadata))


@pytest.mark.parametrize("shapes", USABLE.values(), ids=USABLE)
def test_lora_for_klein_is_usable(shapes: Shapes) -> None:
    check_usable(look(shapes))


@pytest.mark.parametrize(("shapes", "facts"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_become_a_finetune_is_refused_with_the_facts(shapes: Shapes, facts: list[str]) -> None:
    with pytest.raises(CheckpointError) as caught:
        check_usable(look(shapes))
    assert caught.value.field == "checkpoint"
    assert [fact for fact in facts if fact not in caught.value.message] == []
    assert caught.value.message.endswith(".")


@pytest.mark.parametrize(("family", "fitting"), [("flux2-klein-4b", KLEIN_4B), ("flux2-klein-9b", KLEIN_9B)])
@pytest.mark.parametrize("base_model", BaseModel)
def test_base_model_of_the_other_size_is_refused(family: str, fitting: list[BaseModel], base_model: BaseModel) -> None:
    found = look(lora_shapes(family))
    assert found.base_models == tuple(fitting)
    if base_model in fitting:
        check_base_model(found, base_model)
        return
    with pytest.raises(InvalidInputError) as caught:
        check_base_model(found, base_model)
    assert caught.value.field == "base_model"


def test_refusal_names_both_facts() -> None:
    with pytest.raises(InvalidInputError) as caught:
        check_base_model(look(lora_shapes("flux2-klein-9b")), "flux-2-klein-4b")
    assert caught.value.message == (
        "You chose FLUX.2 [klein] 4B, whose layers are 3072 wide; those of this LoRA are 4096 wide, so it was trained "
        "for FLUX.2 [klein] 9B. Choose FLUX.2 [klein] 9B or FLUX.2 [klein] 9B (KV-cached) or FLUX.2 [klein] Base 9B."
    )


@pytest.mark.parametrize("base_model", [*KLEIN_4B, *KLEIN_9B])
def test_ambiguous_file_takes_the_word_of_its_owner_if_it_fits(base_model: BaseModel) -> None:
    found = look(lora_shapes("flux2-klein-4b", targets="first attention"))
    if base_model in KLEIN_4B:
        check_base_model(found, base_model)
        return
    with pytest.raises(InvalidInputError, match="those of this LoRA are 3072 wide"):
        check_base_model(found, base_model)


@pytest.mark.parametrize("base_model", ["", "flux-dev", "FLUX-2-KLEIN-4B"])
def test_base_model_that_does_not_exist_is_refused(base_model: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        check_base_model(look(lora_shapes("flux2-klein-4b")), base_model)
    assert caught.value.field == "base_model"
