"""Writes checkpoints for tests in every key layout and family, from tables of its own: headers alone or whole files."""

import io
import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

from finetunes.checkpoints.header import Header, read_header

BYTES = {"BF16": 2, "F16": 2, "F32": 4, "F64": 8, "F8_E4M3": 1, "I8": 1, "I64": 8}
Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Model:
    """The numbers of one transformer; the last four are (output or input) multiples of `hidden`."""

    double: int
    single: int
    hidden: int
    text: int
    image: int = 128
    mlp_out: int = 6
    mlp_in: int = 3
    linear1: int = 9
    linear2: int = 4

    @property
    def is_flux1(self) -> bool:
        return self.linear1 == 7


@dataclass(frozen=True)
class Linear:
    """`block` is "" for a layer outside of the blocks, else such as "double_blocks.0"."""

    block: str
    module: str
    outputs: int
    inputs: int


MODELS = {
    "flux2-klein-4b": Model(5, 20, 3072, 7680),
    "flux2-klein-9b": Model(8, 24, 4096, 12288),
    "flux2-dev": Model(8, 48, 6144, 15360),
    "flux1": Model(19, 38, 3072, 4096, image=64, mlp_out=4, mlp_in=4, linear1=7, linear2=5),
}
# Layout -> prefix, whose names, and the two halves of a pair.
PEFT_HALVES = (".lora_A.weight", ".lora_B.weight")
KOHYA_HALVES = (".lora_down.weight", ".lora_up.weight")
LAYOUTS = {
    "diffusers": ("transformer.", "diffusers", *PEFT_HALVES),
    "ai-toolkit": ("diffusion_model.", "bfl", *PEFT_HALVES),
    "ai-toolkit with diffusers names": ("diffusion_model.", "diffusers", *PEFT_HALVES),
    "peft": ("base_model.model.", "bfl", *PEFT_HALVES),
    "peft with diffusers names": ("base_model.model.", "diffusers", *PEFT_HALVES),
    "peft with an adapter name": (
        "base_model.model.", "diffusers", ".lora_A.default.weight", ".lora_B.default.weight"
    ),
    "peft with transformer": ("base_model.model.transformer.", "diffusers", *PEFT_HALVES),
    "kohya": ("lora_unet_", "bfl", *KOHYA_HALVES),
    "kohya with diffusers names": ("lora_unet_", "diffusers", *KOHYA_HALVES),
    "kohya with transformer": ("lora_transformer_", "diffusers", *KOHYA_HALVES),
    "onetrainer": ("transformer.", "onetrainer", *KOHYA_HALVES),
    "comfyui": ("diffusion_model.", "bfl", *KOHYA_HALVES),
    "comfyui with model": ("model.diffusion_model.", "bfl", *PEFT_HALVES),
    "diffusers-old": ("transformer.", "diffusers", ".lora.down.weight", ".lora.up.weight"),
    "diffusers-old with linear layer": (
        "transformer.", "diffusers", ".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight"
    ),
    "bfl": ("", "bfl", *PEFT_HALVES),
    "diffusers-bare": ("", "diffusers", *PEFT_HALVES),
}  # fmt: skip
TARGETS = (
    "attention only", "mlp only", "single only", "double only", "first blocks", "all", "all and globals", "qkv only"
)  # fmt: skip
QKV = ("attn.to_q", "attn.to_k", "attn.to_v")
DIFFUSERS_NAMES: dict[str, tuple[str, ...]] = {
    "img_attn.qkv": QKV,
    "txt_attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
    "img_attn.proj": ("attn.to_out.0",),
    "txt_attn.proj": ("attn.to_add_out",),
    "img_in": ("x_embedder",),
    "txt_in": ("context_embedder",),
    "final_layer.linear": ("proj_out",),
    "final_layer.adaLN_modulation.1": ("norm_out.linear",),
}
FLUX2_NAMES: dict[str, tuple[str, ...]] = {
    **DIFFUSERS_NAMES,
    "img_mlp.0": ("ff.linear_in",),
    "img_mlp.2": ("ff.linear_out",),
    "txt_mlp.0": ("ff_context.linear_in",),
    "txt_mlp.2": ("ff_context.linear_out",),
    "linear1": ("attn.to_qkv_mlp_proj",),
    "linear2": ("attn.to_out",),
    "time_in.in_layer": ("time_guidance_embed.timestep_embedder.linear_1",),
    "double_stream_modulation_img.lin": ("double_stream_modulation_img.linear",),
    "single_stream_modulation.lin": ("single_stream_modulation.linear",),
}
FLUX1_NAMES: dict[str, tuple[str, ...]] = {
    **DIFFUSERS_NAMES,
    "img_mlp.0": ("ff.net.0.proj",),
    "img_mlp.2": ("ff.net.2",),
    "txt_mlp.0": ("ff_context.net.0.proj",),
    "txt_mlp.2": ("ff_context.net.2",),
    "linear1": (*QKV, "proj_mlp"),
    "linear2": ("proj_out",),
    "time_in.in_layer": ("time_text_embed.timestep_embedder.linear_1",),
    "vector_in.in_layer": ("time_text_embed.text_embedder.linear_1",),
}
ONETRAINER_NAMES = {
    **{f"{stream}_attn.qkv": tuple(f"{stream}_attn.qkv.{n}" for n in range(3)) for stream in ("img", "txt")},
    "linear1": tuple(f"linear1.{n}" for n in range(4)),
}
DIFFUSERS_STACKS = {"double_blocks": "transformer_blocks", "single_blocks": "single_transformer_blocks"}


def linears(model: Model, targets: str = "all") -> list[Linear]:
    """What a trainer with these targets adapts, under BFL's names."""
    found = list(_blocks(model))
    if targets == "all and globals":
        return found + list(_globals(model))
    return [linear for linear in found if _is_chosen(linear, targets)]


def _is_chosen(linear: Linear, targets: str) -> bool:
    return {
        "attention only": "attn" in linear.module,
        "mlp only": "mlp" in linear.module,
        "single only": linear.block.startswith("single"),
        "double only": linear.block.startswith("double"),
        "first blocks": linear.block.endswith(".0"),
        "qkv only": "qkv" in linear.module or linear.module == "linear1",
        "first attention": linear.block in FIRST_TWO and "attn" in linear.module,
        "all": True,
    }[targets]


FIRST_TWO = ("double_blocks.0", "double_blocks.1")


def _blocks(model: Model) -> Iterator[Linear]:
    hidden = model.hidden
    for block in range(model.double):
        for stream in ("img", "txt"):
            yield Linear(f"double_blocks.{block}", f"{stream}_attn.qkv", 3 * hidden, hidden)
            yield Linear(f"double_blocks.{block}", f"{stream}_attn.proj", hidden, hidden)
            yield Linear(f"double_blocks.{block}", f"{stream}_mlp.0", model.mlp_out * hidden, hidden)
            yield Linear(f"double_blocks.{block}", f"{stream}_mlp.2", hidden, model.mlp_in * hidden)
    for block in range(model.single):
        yield Linear(f"single_blocks.{block}", "linear1", model.linear1 * hidden, hidden)
        yield Linear(f"single_blocks.{block}", "linear2", hidden, model.linear2 * hidden)


def _globals(model: Model) -> Iterator[Linear]:
    hidden = model.hidden
    yield Linear("", "img_in", hidden, model.image)
    yield Linear("", "txt_in", hidden, model.text)
    yield Linear("", "time_in.in_layer", hidden, 256)
    yield Linear("", "final_layer.linear", model.image, hidden)
    yield Linear("", "final_layer.adaLN_modulation.1", 2 * hidden, hidden)
    if model.is_flux1:
        yield Linear("", "vector_in.in_layer", hidden, 768)
    else:
        yield Linear("", "double_stream_modulation_img.lin", 6 * hidden, hidden)
        yield Linear("", "single_stream_modulation.lin", 3 * hidden, hidden)


def modules(family: str, layout: str = "ai-toolkit", targets: str = "all") -> dict[str, tuple[int, int]]:
    """Name of each module, as the layout spells it -> (outputs, inputs)."""
    model = MODELS[family]
    prefix, naming, *_ = LAYOUTS[layout]
    return {
        prefix + (name.replace(".", "_") if prefix.endswith("_") else name): shape
        for linear in linears(model, targets)
        for name, shape in _spell(linear, naming, model)
    }


def _spell(linear: Linear, naming: str, model: Model) -> Iterator[tuple[str, tuple[int, int]]]:
    """The names of a layer and the outputs of each: a fused layer has several in some layouts."""
    table: Mapping[str, tuple[str, ...]] = {
        "bfl": {},
        "onetrainer": ONETRAINER_NAMES,
        "diffusers": FLUX1_NAMES if model.is_flux1 else FLUX2_NAMES,
    }[naming]
    names = table.get(linear.module, (linear.module,))
    thirds = [model.hidden] * 3
    outputs = [linear.outputs] if len(names) == 1 else [*thirds, linear.outputs - sum(thirds)][: len(names)]
    block = linear.block
    if naming == "diffusers" and block:
        stack, _, number = block.partition(".")
        block = f"{DIFFUSERS_STACKS[stack]}.{number}"
    for name, rows in zip(names, outputs, strict=True):
        yield (f"{block}.{name}" if block else name), (rows, linear.inputs)


def lora_shapes(
    family: str, layout: str = "ai-toolkit", targets: str = "all", *, rank: int = 16, alpha: bool = False
) -> Shapes:
    """The tensors of a LoRA; with `alpha` a scalar for each module."""
    _, _, down, up = LAYOUTS[layout]
    shapes: Shapes = {}
    for name, (outputs, inputs) in modules(family, layout, targets).items():
        shapes[name + down] = (rank, inputs)
        shapes[name + up] = (outputs, rank)
        if alpha:
            shapes[f"{name}.alpha"] = ()
    return shapes


def lokr_shapes(family: str, layout: str = "ai-toolkit", targets: str = "all", *, factor: int = 16) -> Shapes:
    """Each weight as the Kronecker product of a small matrix and a pair of rank 4."""
    shapes: Shapes = {}
    for name, (outputs, inputs) in modules(family, layout, targets).items():
        shapes[f"{name}.lokr_w1"] = (factor, factor)
        shapes[f"{name}.lokr_w2_a"] = (outputs // factor, 4)
        shapes[f"{name}.lokr_w2_b"] = (4, inputs // factor)
    return shapes


def loha_shapes(family: str, layout: str = "kohya", targets: str = "all", *, rank: int = 8) -> Shapes:
    shapes: Shapes = {}
    for name, (outputs, inputs) in modules(family, layout, targets).items():
        for number in (1, 2):
            shapes[f"{name}.hada_w{number}_a"] = (outputs, rank)
            shapes[f"{name}.hada_w{number}_b"] = (rank, inputs)
    return shapes


def full_shapes(family: str) -> Shapes:
    """A whole model, under BFL's names."""
    model = MODELS[family]
    return {f"{name}.weight": shape for name, shape in modules(family, "bfl", "all and globals").items()} | {
        "double_blocks.0.img_attn.norm.query_norm.scale": (model.hidden // 24,)
    }


def header_json(shapes: Shapes, metadata: Mapping[str, str] | None = None, dtype: str = "BF16") -> bytes:
    entries: dict[str, object] = {"__metadata__": dict(metadata)} if metadata is not None else {}
    begin = 0
    for name, shape in shapes.items():
        end = begin + prod(shape) * BYTES[dtype]
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
        begin = end
    return json.dumps(entries).encode()


def header_bytes(shapes: Shapes, metadata: Mapping[str, str] | None = None, dtype: str = "BF16") -> tuple[bytes, int]:
    """(The first bytes of a file up to its data, the size that the whole file would have.)"""
    raw = header_json(shapes, metadata, dtype)
    size = sum(prod(shape) for shape in shapes.values()) * BYTES[dtype]
    return struct.pack("<Q", len(raw)) + raw, 8 + len(raw) + size


def make_header(shapes: Shapes, metadata: Mapping[str, str] | None = None, dtype: str = "BF16") -> Header:
    start, size = header_bytes(shapes, metadata, dtype)
    return read_header(io.BytesIO(start), size)


def make_file(shapes: Shapes, metadata: Mapping[str, str] | None = None, dtype: str = "BF16") -> bytes:
    """A whole file; its weights are zeros."""
    start, size = header_bytes(shapes, metadata, dtype)
    return start.ljust(size, b"\0")
