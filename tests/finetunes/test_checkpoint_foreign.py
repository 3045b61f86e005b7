"""LoRAs of other models are named, so that people learn what they chose by mistake."""

import pytest

from finetunes.checkpoints.errors import CheckpointError
from finetunes.checkpoints.inspection import Confidence, Family, Inspection, Kind, inspect
from finetunes.checkpoints.verdict import check_usable
from tests.checkpoints import Shapes, lora_shapes, make_header

PEFT = (".lora_A.weight", ".lora_B.weight")
KOHYA = (".lora_down.weight", ".lora_up.weight")


def pairs(names: dict[str, tuple[int, int]], halves: tuple[str, str] = PEFT, rank: int = 8) -> Shapes:
    """Name -> (outputs, inputs) as the tensors of a LoRA."""
    shapes: Shapes = {}
    for name, (outputs, inputs) in names.items():
        shapes[name + halves[0]] = (rank, inputs)
        shapes[name + halves[1]] = (outputs, rank)
    return shapes


def look(shapes: Shapes, metadata: dict[str, str] | None = None) -> Inspection:
    return inspect(make_header(shapes, metadata))


SDXL_BLOCK = "lora_unet_input_blocks_7_1_transformer_blocks_{}_attn{}_to_{}"
QWEN_ATTENTION = {
    f"transformer.transformer_blocks.{n}.attn.{name}": (3072, 3072)
    for n in range(60)
    for name in ("to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out")
}
QWEN_MLP = {f"transformer.transformer_blocks.{n}.img_mlp.net.0.proj": (12288, 3072) for n in range(60)}
FOREIGN: dict[str, tuple[Shapes, Family, str]] = {
    "SDXL of kohya": (
        pairs({SDXL_BLOCK.format(n, 2, "k"): (1280, 2048) for n in range(10)}, KOHYA),
        Family.SDXL,
        "Stable Diffusion XL",
    ),
    "SDXL, self attention alone": (
        pairs({SDXL_BLOCK.format(n, 1, "q"): (1280, 1280) for n in range(10)}, KOHYA),
        Family.SDXL,
        "Stable Diffusion XL",
    ),
    "SDXL, first block and two text encoders": (
        pairs(
            {
                SDXL_BLOCK.format(0, 1, "q"): (1280, 1280),
                "lora_te2_text_model_encoder_layers_0_mlp_fc1": (5120, 1280),
            },
            KOHYA,
        ),
        Family.SDXL,
        "Stable Diffusion XL",
    ),
    "SDXL of diffusers": (
        pairs({"unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k": (640, 2048)}),
        Family.SDXL,
        "Stable Diffusion XL",
    ),
    "SD 1.5": (
        pairs({"lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k": (320, 768)}, KOHYA),
        Family.SD15,
        "Stable Diffusion 1.5",
    ),
    "SD 1.5 of old diffusers": (
        {
            "unet.up_blocks.1.attentions.0.transformer_blocks.0.attn2.processor.to_k_lora.down.weight": (4, 768),
            "unet.up_blocks.1.attentions.0.transformer_blocks.0.attn2.processor.to_k_lora.up.weight": (1280, 4),
        },
        Family.SD15,
        "Stable Diffusion 1.5",
    ),
    "a U-Net of any kind": (
        pairs({"unet.mid_block.resnets.0.time_emb_proj": (1280, 1280)}), Family.OTHER, "Stable Diffusion"
    ),
    "SD 2": (
        pairs({"lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k": (320, 1024)}, KOHYA),
        Family.OTHER,
        "Stable Diffusion 2",
    ),
    "Qwen-Image": (pairs(QWEN_ATTENTION | QWEN_MLP), Family.OTHER, "Qwen-Image"),
    "Qwen-Image, attention alone": (pairs(QWEN_ATTENTION), Family.OTHER, "Qwen-Image"),
    "Qwen-Image, first blocks": (
        pairs({name: shape for name, shape in (QWEN_ATTENTION | QWEN_MLP).items() if "blocks.0." in name}),
        Family.OTHER,
        "Qwen-Image",
    ),
    "Qwen-Image of musubi": (
        pairs({"lora_unet_transformer_blocks_0_img_mod_1": (18432, 3072)}, KOHYA), Family.OTHER, "Qwen-Image"
    ),
    "Z-Image": (
        pairs({f"diffusion_model.layers.{n}.attention.to_q": (3840, 3840) for n in range(30)}), Family.OTHER, "Z-Image"
    ),
    "Wan": (
        pairs({f"diffusion_model.blocks.{n}.self_attn.q": (5120, 5120) for n in range(40)}), Family.OTHER, "Wan"
    ),
    "Wan of musubi": (
        pairs({f"lora_unet_blocks_{n}_cross_attn_k": (5120, 5120) for n in range(40)}, KOHYA), Family.OTHER, "Wan"
    ),
    "SD3": (
        pairs({"diffusion_model.joint_blocks.0.x_block.attn.qkv": (4608, 1536)}), Family.OTHER, "Stable Diffusion 3"
    ),
    "SD3 of diffusers": (
        pairs({f"transformer.transformer_blocks.{n}.attn.to_q": (1536, 1536) for n in range(24)}),
        Family.OTHER,
        "Stable Diffusion 3",
    ),
    "FLUX.3": (pairs({"diffusion_model.single_blocks.0.q_proj": (4096, 4096)}), Family.OTHER, "FLUX.3"),
    "HunyuanVideo": (
        pairs({f"transformer.double_blocks.{n}.img_attn_qkv": (9216, 3072) for n in range(20)}),
        Family.OTHER,
        "HunyuanVideo",
    ),
    "a language model": (
        pairs({"base_model.model.model.layers.0.self_attn.q_proj": (2560, 2560)}), Family.OTHER, "a language model"
    ),
    "text encoders alone": (
        pairs({"lora_te1_text_model_encoder_layers_0_mlp_fc1": (3072, 768)}, KOHYA), Family.OTHER, "text encoders"
    ),
    "names that nobody knows": (pairs({"foo.bar": (64, 64)}), Family.OTHER, "another model"),
    "a FLUX of another width": (
        pairs({"diffusion_model.double_blocks.0.img_mlp.0": (12288, 2048)}), Family.OTHER, "another model"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("shapes", "family", "label"), FOREIGN.values(), ids=FOREIGN)
def test_other_models_are_named_and_refused(shapes: Shapes, family: Family, label: str) -> None:
    found = look(shapes)
    assert (found.family, found.family_label, found.kind) == (family, label, Kind.LORA)
    assert (found.applied, found.base_models, found.suggested_base_model) == (0, (), None)
    assert found.evidence
    with pytest.raises(CheckpointError) as caught:
        check_usable(found)
    assert f"This is a LoRA for {label}, and finetunes here are for FLUX.2 [klein] 4B and 9B." in caught.value.message
    assert found.evidence[0] in caught.value.message


def test_xlabs_lora_is_one_for_flux1() -> None:
    shapes: Shapes = {}
    for block in range(19):
        for name, outputs in {"qkv_lora1": 9216, "qkv_lora2": 9216, "proj_lora1": 3072, "proj_lora2": 3072}.items():
            shapes[f"double_blocks.{block}.processor.{name}.down.weight"] = (16, 3072)
            shapes[f"double_blocks.{block}.processor.{name}.up.weight"] = (outputs, 16)
    found = look(shapes)
    assert (found.family, found.layout, found.rank, found.applied) == (Family.FLUX1, "xlabs", 16, 76)


@pytest.mark.parametrize(
    ("version", "family", "label"),
    [
        ("sdxl_base_v1-0", Family.SDXL, "Stable Diffusion XL"),
        ("sd_1.5", Family.SD15, "Stable Diffusion 1.5"),
        ("stable-diffusion-v1", Family.SD15, "Stable Diffusion 1.5"),
        ("sd_v2", Family.OTHER, "Stable Diffusion 2"),
        ("flux2_klein_4b", Family.OTHER, "Stable Diffusion"),
    ],
)
def test_metadata_tells_which_stable_diffusion(version: str, family: Family, label: str) -> None:
    found = look(pairs({"unet.mid_block.resnets.0.conv1": (1280, 1280)}), {"ss_base_model_version": version})
    assert (found.family, found.family_label) == (family, label)


@pytest.mark.parametrize(
    ("architecture", "label"),
    [
        ("Flux.2-klein-4b/lora", "FLUX.2 [klein] 4B"),
        ("Flux.2-klein-9b/lora", "FLUX.2 [klein] 9B"),
        ("Flux.2-dev/lora", "FLUX.2 [dev]"),
        ("flux-1-dev/lora", "FLUX.1"),
        ("stable-diffusion-xl-v1-base/lora", "Stable Diffusion XL"),
        ("Qwen-Image/lora", "Qwen-Image"),
        ("wan2.1", "Wan"),
    ],
)
def test_names_that_nobody_knows_take_the_word_of_metadata(architecture: str, label: str) -> None:
    found = look(pairs({"foo.bar": (64, 64)}), {"modelspec.architecture": architecture})
    assert (found.family_label, found.confidence) == (label, Confidence.LIKELY)
    assert found.applied == 0
    with pytest.raises(CheckpointError):
        check_usable(found)


def test_stray_names_do_not_make_klein_another_model() -> None:
    shapes = lora_shapes("flux2-klein-4b") | pairs({"diffusion_model.blocks.0.self_attn.q": (8, 8)})
    found = look(shapes)
    assert (found.family, found.applied, found.unknown) == (
        Family.KLEIN_4B, 80, ("diffusion_model.blocks.0.self_attn.q",)
    )  # fmt: skip
