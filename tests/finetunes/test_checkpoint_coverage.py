"""What of a checkpoint applies: layers that are unknown, damaged, given twice or dropped, and the traps of loaders."""

import pytest

from dashboard.bfl.endpoints import BaseModel
from finetunes.checkpoints.inspection import Family, Inspection, Kind, Layout, inspect
from finetunes.checkpoints.klein import GEOMETRIES
from tests.checkpoints import LAYOUTS, MODELS, Shapes, lokr_shapes, lora_shapes, make_header, modules

QKV = "diffusion_model.double_blocks.0.img_attn.qkv"


def look(shapes: Shapes, metadata: dict[str, str] | None = None) -> Inspection:
    return inspect(make_header(shapes, metadata))


def klein(**changes: tuple[int, ...] | None) -> Shapes:
    """All of klein 4B; `down` and `up` replace the halves of one layer, None removes one."""
    shapes = lora_shapes("flux2-klein-4b")
    for half, shape in changes.items():
        name = f"{QKV}.{'lora_A' if half == 'down' else 'lora_B'}.weight"
        if shape is None:
            del shapes[name]
        else:
            shapes[name] = shape
    return shapes


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"up": None}, "1 layers have one half of their pair and cannot be applied."),
        ({"down": None}, "1 layers have one half of their pair and cannot be applied."),
        ({"up": (9216, 8)}, "1 layers have two halves of different rank and cannot be applied."),
        ({"up": (9216, 0), "down": (0, 3072)}, "1 layers are empty and cannot be applied."),
        ({"up": (9216, 16, 3, 3)}, "1 layers are not made for a linear layer and cannot be applied."),
        ({"up": (9216,)}, "1 layers are not made for a linear layer and cannot be applied."),
    ],
)
def test_damaged_layer_is_not_applied(changes: dict[str, tuple[int, ...] | None], warning: str) -> None:
    found = look(klein(**changes))
    assert (found.family, found.applied, found.modules, found.unknown) == (Family.KLEIN_4B, 79, 80, (QKV,))
    assert found.coverage == "79 of 80 layers apply, 1 are unknown to FLUX.2 [klein] 4B or damaged."
    assert warning in found.warnings


def test_layer_of_another_width_is_not_applied() -> None:
    found = look(klein(up=(12288, 16), down=(16, 4096)))
    assert (found.family, found.applied, found.unknown) == (Family.KLEIN_4B, 79, (QKV,))
    assert "1 of its layers have the shapes of FLUX.2 [klein] 9B instead of FLUX.2 [klein] 4B." in found.warnings


def test_block_that_does_not_exist_is_not_applied() -> None:
    shapes = klein()
    for name in list(shapes):
        if ".double_blocks.4." in name:
            shapes[name.replace(".4.", ".5.")] = shapes.pop(name)
    found = look(shapes)
    assert (found.family, found.applied, len(found.unknown)) == (Family.KLEIN_4B, 72, 8)
    assert "8 of its layers are for blocks that FLUX.2 [klein] 4B does not have." in found.warnings


@pytest.mark.parametrize("number", ["05", "+1", "-1", "١", "1e0", "9" * 5000, "", "1.0"])
def test_number_of_a_block_is_read_strictly(number: str) -> None:
    name = f"diffusion_model.double_blocks.{number}.img_mlp.0"
    found = look(klein() | {f"{name}.lora_A.weight": (16, 3072), f"{name}.lora_B.weight": (18432, 16)})
    assert (found.applied, found.unknown) == (80, (name,))


def test_layers_of_text_encoders_are_dropped() -> None:
    shapes = lora_shapes("flux2-klein-9b", "kohya")
    names = [f"lora_te1_text_model_encoder_layers_{n}_mlp_fc1" for n in range(12)]
    for name in names:
        shapes |= {f"{name}.lora_down.weight": (16, 768), f"{name}.lora_up.weight": (3072, 16)}
    found = look(shapes)
    assert (found.applied, found.modules, found.dropped) == (112, 124, tuple(names))
    assert found.coverage == "112 of 124 layers apply, 12 are dropped."
    assert any(warning.startswith("12 layers of text encoders are dropped") for warning in found.warnings)
    assert found.layout == Layout.KOHYA


@pytest.mark.parametrize(
    "name",
    [
        "text_encoder.layers.0.q",
        "text_encoder_2.a.b",
        "te1.a",
        "te.a",
        "lora_te_a",
        "text_encoders.qwen.a",
        "lora_te3_a",
    ],
)
def test_text_encoders_are_known_by_prefix(name: str) -> None:
    found = look(klein() | {f"{name}.lora_A.weight": (4, 64), f"{name}.lora_B.weight": (64, 4)})
    assert found.dropped == (name,)


def test_layer_given_twice_is_applied_once() -> None:
    found = look(lora_shapes("flux2-klein-4b") | lora_shapes("flux2-klein-4b", "diffusers", "first blocks"))
    assert (found.layout, found.applied, found.modules) == (Layout.MIXED, 80, 94)
    assert len(found.dropped) == 14
    assert any(warning.startswith("The file mixes key layouts") for warning in found.warnings)


def test_parts_of_a_layer_that_is_given_whole_are_dropped() -> None:
    shapes = klein()
    shapes |= {f"{QKV}.0.lora_A.weight": (16, 3072), f"{QKV}.0.lora_B.weight": (3072, 16)}
    assert look(shapes).dropped == (f"{QKV}.0",)


def test_prefixes_that_share_the_layers_are_mixed_and_all_apply() -> None:
    shapes = lora_shapes("flux2-klein-4b", "ai-toolkit", "double only")
    shapes |= lora_shapes("flux2-klein-4b", "kohya", "single only")
    found = look(shapes)
    assert (found.layout, found.applied, found.modules) == (Layout.MIXED, 80, 80)
    (warning,) = [warning for warning in found.warnings if "mixes key layouts" in warning]
    assert "40 with diffusion_model. (ai-toolkit), 40 with lora_unet_ (kohya)" in warning


def test_tensors_of_no_adapter_are_unknown() -> None:
    found = look(klein() | {"emb_params": (4, 768), "diffusion_model.x.alpha": ()})
    assert (found.applied, found.unknown) == (80, ("emb_params", "diffusion_model.x"))
    assert "2 layers belong to no adapter and cannot be applied." in found.warnings


def test_names_that_mix_dots_and_underscores_are_not_guessed() -> None:
    found = look({"lora_unet_double_blocks.0.img_mlp.0.lora_down.weight": (4, 3072)} | klein())
    assert found.unknown == ("lora_unet_double_blocks.0.img_mlp.0",)


def test_layers_of_dev_that_klein_lacks_are_unknown_to_klein() -> None:
    name = "diffusion_model.guidance_in.in_layer"
    halves = {f"{name}.lora_A.weight": (16, 256), f"{name}.lora_B.weight": (3072, 16)}
    assert look(klein() | halves).unknown == (name,)
    wide = {f"{name}.lora_A.weight": (16, 256), f"{name}.lora_B.weight": (6144, 16)}
    assert look(lora_shapes("flux2-dev") | wide).unknown == ()


def test_biases_are_dropped() -> None:
    found = look(klein() | {f"{QKV}.lora_B.bias": (9216,)})
    assert (found.applied, found.dropped) == (80, (f"{QKV}.lora_B.bias",))


def test_damaged_lokr_is_not_applied() -> None:
    shapes = lokr_shapes("flux2-klein-9b", targets="first blocks")
    first = next(iter(modules("flux2-klein-9b", targets="first blocks")))
    del shapes[f"{first}.lokr_w2_b"]
    found = look(shapes)
    assert (found.kind, found.applied, found.unknown) == (Kind.LOKR, 9, (first,))


def test_lokr_of_two_whole_matrices_has_no_rank() -> None:
    shapes = {f"{QKV}.lokr_w1": (16, 16), f"{QKV}.lokr_w2": (576, 192), f"{QKV}.alpha": ()}
    found = look(shapes)
    assert (found.kind, found.rank, found.ranks, found.alpha, found.applied) == (Kind.LOKR, None, {}, None, 1)


def test_bias_differences_beside_the_pairs_are_dropped_wherever_they_stand() -> None:
    """ComfyUI saves them with a LoRA that it extracted; by name they come before the pairs."""
    extras: Shapes = {f"{name}.diff_b": (outputs,) for name, (outputs, _) in modules("flux2-klein-4b").items()}
    for shapes in (extras | klein(), klein() | extras):
        found = look(shapes)
        assert (found.kind, found.family, found.applied, len(found.dropped)) == (Kind.LORA, Family.KLEIN_4B, 80, 80)


def test_name_of_an_adapter_is_shown_without_what_reorders_text() -> None:
    shapes = {name.replace(".weight", ".ink\u202ednatrop.weight"): shape for name, shape in klein().items()}
    (warning,) = look(shapes).warnings
    assert '(".ink dnatrop.")' in warning


def test_ranks_may_differ_between_layers() -> None:
    shapes = lora_shapes("flux2-klein-4b", targets="double only", rank=8)
    shapes |= lora_shapes("flux2-klein-4b", targets="single only", rank=32)
    shapes |= lora_shapes("flux2-klein-4b", targets="first blocks", rank=32)
    found = look(shapes)
    assert (found.rank, found.ranks, found.applied) == (32, {32: 48, 8: 32}, 80)


IGNORED = "Some loaders silently ignore this key layout"
REFUSED = "Some loaders refuse"
# What diffusers 0.42 was seen to do with a LoRA for klein in each layout.
TRAPS = {
    "diffusers": "",
    "ai-toolkit": "",
    "ai-toolkit with diffusers names": "",
    "peft": "",
    "peft with diffusers names": "",
    "peft with an adapter name": "never trained",
    "peft with transformer": REFUSED,
    "kohya": "",
    "kohya with diffusers names": IGNORED,
    "kohya with transformer": IGNORED,
    "onetrainer": IGNORED,
    "comfyui": IGNORED,
    "comfyui with model": IGNORED,
    "diffusers-old": "",
    "diffusers-old with linear layer": "",
    "bfl": IGNORED,
    "diffusers-bare": IGNORED,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_traps_of_loaders_are_warned_of(layout: str) -> None:
    found = look(lora_shapes("flux2-klein-4b", layout))
    trap = TRAPS[layout]
    assert len(found.warnings) == bool(trap)
    assert all(trap in warning for warning in found.warnings)
    assert look(lora_shapes("flux1", layout)).warnings == ()


@pytest.mark.parametrize(("layout", "refused"), [("ai-toolkit", True), ("diffusers", True), ("kohya", False)])
def test_alpha_beside_the_halves_of_peft_is_warned_of(layout: str, refused: bool) -> None:
    found = look(lora_shapes("flux2-klein-4b", layout, alpha=True))
    assert any("refuse alpha values" in warning for warning in found.warnings) == refused


def test_layer_whose_halves_are_swapped_is_warned_of() -> None:
    found = look(lora_shapes("flux2-klein-4b", targets="all and globals"))
    assert any("swap the halves of final_layer.adaLN_modulation.1" in warning for warning in found.warnings)


def test_geometry_of_klein_names_every_layer_once() -> None:
    for geometry in set(GEOMETRIES.values()):
        names = [linear.name for linear in (*geometry.linears(), *geometry.global_linears())]
        assert len(names) == len(set(names)) == 9 + 8 * geometry.double_blocks + 2 * geometry.single_blocks


@pytest.mark.parametrize(
    ("family", "base_model"), [("flux2-klein-4b", BaseModel.KLEIN_4B), ("flux2-klein-9b", BaseModel.KLEIN_9B)]
)
def test_geometry_agrees_with_the_tables_of_the_tests(family: str, base_model: BaseModel) -> None:
    geometry = GEOMETRIES[base_model]
    ours = {linear.name: (linear.outputs, linear.inputs) for linear in geometry.linears()}
    assert modules(family) == ours
    ours |= {linear.name: (linear.outputs, linear.inputs) for linear in geometry.global_linears()}
    assert modules(family, targets="all and globals").items() <= ours.items()
    assert geometry.hidden == MODELS[family].hidden
