"""Which layer of a FLUX transformer a module name means, in every spelling that trainers and loaders use."""

import re
from dataclasses import dataclass
from enum import StrEnum

from finetunes.checkpoints.klein import DOUBLE, GLOBAL, KEY, MLP, QUERY, SINGLE, VALUE


class Spelling(StrEnum):
    """Whose names the layers have."""

    BFL = "bfl"
    DIFFUSERS = "diffusers"
    ONETRAINER = "onetrainer"
    XLABS = "xlabs"


@dataclass(frozen=True)
class Target:
    """A linear layer by BFL's name, or the `part` of a fused one; `flux1`, `flux2`: who has this spelling of it."""

    module: str
    part: str = ""
    spelling: Spelling = Spelling.BFL
    flux1: bool = True
    flux2: bool = True


@dataclass(frozen=True)
class Place:
    """`block` is -1 outside of the blocks."""

    stack: str
    block: int
    target: Target


BOTH, ONLY_FLUX1, ONLY_FLUX2 = (True, True), (True, False), (False, True)
QKV = (QUERY, KEY, VALUE)
PARTS = (*QKV, MLP)


def _bfl(*modules: str, only: tuple[bool, bool] = BOTH) -> dict[str, Target]:
    return {module: Target(module, "", Spelling.BFL, *only) for module in modules}


def _diffusers(names: dict[str, str], only: tuple[bool, bool] = BOTH) -> dict[str, Target]:
    return {name: Target(module, "", Spelling.DIFFUSERS, *only) for name, module in names.items()}


def _parts(names: list[str], module: str, spelling: Spelling, only: tuple[bool, bool] = BOTH) -> dict[str, Target]:
    return {name: Target(module, part, spelling, *only) for name, part in zip(names, PARTS, strict=False)}


def _numbered(module: str, count: int) -> dict[str, Target]:
    return _parts([f"{module}.{number}" for number in range(count)], module, Spelling.ONETRAINER)


def _embedder(name: str, module: str, only: tuple[bool, bool]) -> dict[str, Target]:
    return _diffusers({f"{name}.linear_1": f"{module}.in_layer", f"{name}.linear_2": f"{module}.out_layer"}, only)


STREAMS = ("img", "txt")
# Stack as it is spelled -> what follows the block number -> what it means.
BLOCKS: dict[str, tuple[str, dict[str, Target]]] = {
    "double_blocks": (
        DOUBLE,
        {
            **_bfl(*(f"{stream}_{name}" for stream in STREAMS for name in ("attn.qkv", "attn.proj", "mlp.0", "mlp.2"))),
            **_bfl("img_mod.lin", "txt_mod.lin", only=ONLY_FLUX1),
            **_numbered("img_attn.qkv", 3),
            **_numbered("txt_attn.qkv", 3),
            **{
                f"processor.{name}_lora{number}": Target(f"{stream}_attn.{name}", "", Spelling.XLABS, *ONLY_FLUX1)
                for number, stream in enumerate(STREAMS, 1)
                for name in ("qkv", "proj")
            },
        },
    ),
    "single_blocks": (
        SINGLE,
        {
            **_bfl("linear1", "linear2"),
            **_bfl("modulation.lin", only=ONLY_FLUX1),
            **_numbered("linear1", 4),
        },
    ),
    "transformer_blocks": (
        DOUBLE,
        {
            **_parts([f"attn.to_{part}" for part in QKV], "img_attn.qkv", Spelling.DIFFUSERS),
            **_parts([f"attn.add_{part}_proj" for part in QKV], "txt_attn.qkv", Spelling.DIFFUSERS),
            **_diffusers({"attn.to_out.0": "img_attn.proj", "attn.to_add_out": "txt_attn.proj"}),
            **_diffusers({"ff.linear_in": "img_mlp.0", "ff.linear_out": "img_mlp.2"}, ONLY_FLUX2),
            **_diffusers({"ff_context.linear_in": "txt_mlp.0", "ff_context.linear_out": "txt_mlp.2"}, ONLY_FLUX2),
            **_diffusers({"ff.net.0.proj": "img_mlp.0", "ff.net.2": "img_mlp.2"}, ONLY_FLUX1),
            **_diffusers({"ff_context.net.0.proj": "txt_mlp.0", "ff_context.net.2": "txt_mlp.2"}, ONLY_FLUX1),
            **_diffusers({"norm1.linear": "img_mod.lin", "norm1_context.linear": "txt_mod.lin"}, ONLY_FLUX1),
        },
    ),
    "single_transformer_blocks": (
        SINGLE,
        {
            **_diffusers({"attn.to_qkv_mlp_proj": "linear1", "attn.to_out": "linear2"}, ONLY_FLUX2),
            **_parts(
                [*(f"attn.to_{part}" for part in QKV), "proj_mlp"], "linear1", Spelling.DIFFUSERS, ONLY_FLUX1
            ),
            **_diffusers({"proj_out": "linear2", "norm.linear": "modulation.lin"}, ONLY_FLUX1),
        },
    ),
}  # fmt: skip
MODULATIONS = ("double_stream_modulation_img", "double_stream_modulation_txt", "single_stream_modulation")
GLOBALS = {
    **_bfl("img_in", "txt_in", "time_in.in_layer", "time_in.out_layer", "guidance_in.in_layer"),
    **_bfl("guidance_in.out_layer", "final_layer.linear", "final_layer.adaLN_modulation.1"),
    **_bfl("vector_in.in_layer", "vector_in.out_layer", only=ONLY_FLUX1),
    **_bfl(*(f"{name}.lin" for name in MODULATIONS), only=ONLY_FLUX2),
    **_diffusers({"x_embedder": "img_in", "context_embedder": "txt_in", "proj_out": "final_layer.linear"}),
    **_diffusers({"norm_out.linear": "final_layer.adaLN_modulation.1"}),
    **_diffusers({f"{name}.linear": f"{name}.lin" for name in MODULATIONS}, ONLY_FLUX2),
    **_embedder("time_guidance_embed.timestep_embedder", "time_in", ONLY_FLUX2),
    **_embedder("time_guidance_embed.guidance_embedder", "guidance_in", ONLY_FLUX2),
    **_embedder("time_text_embed.timestep_embedder", "time_in", ONLY_FLUX1),
    **_embedder("time_text_embed.guidance_embedder", "guidance_in", ONLY_FLUX1),
    **_embedder("time_text_embed.text_embedder", "vector_in", ONLY_FLUX1),
}
# Stack, block as a program writes the number, and what follows.
DOTTED = re.compile(rf"({'|'.join(BLOCKS)})\.(0|[1-9][0-9]{{0,3}})\.(.+)")
FLAT = re.compile(rf"({'|'.join(BLOCKS)})_(0|[1-9][0-9]{{0,3}})_(.+)")
# Kohya writes every dot as an underscore.
FLAT_BLOCKS = {
    stack: (meant, {name.replace(".", "_"): target for name, target in names.items()})
    for stack, (meant, names) in BLOCKS.items()
}
FLAT_GLOBALS = {name.replace(".", "_"): target for name, target in GLOBALS.items()}


def find_place(name: str, *, flat: bool) -> Place | None:
    """`name` is without its prefix; `flat` when dots are written as underscores. None for what no FLUX has."""
    blocks, outside = (FLAT_BLOCKS, FLAT_GLOBALS) if flat else (BLOCKS, GLOBALS)
    if match := (FLAT if flat else DOTTED).fullmatch(name):
        stack, targets = blocks[match[1]]
        return _place(stack, int(match[2]), targets.get(match[3]))
    return _place(GLOBAL, -1, outside.get(name))


def _place(stack: str, block: int, target: Target | None) -> Place | None:
    return Place(stack, block, target) if target else None
