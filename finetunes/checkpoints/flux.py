"""The transformers that klein is told from: FLUX.2 [dev] with the same layers, FLUX.1 with the same names."""

from finetunes.checkpoints.families import Family
from finetunes.checkpoints.klein import (
    DOUBLE,
    GLOBAL,
    GLOBAL_LINEARS,
    KLEIN_4B,
    KLEIN_9B,
    MULTIPLES,
    SINGLE,
    TIME,
    Geometry,
)

GUIDANCE = {"guidance_in.in_layer": 256}
FLUX1_DOUBLE = {
    f"{stream}_{name}": shape
    for stream in ("img", "txt")
    for name, shape in {
        "mod.lin": (6, 1),
        "attn.qkv": (3, 1),
        "attn.proj": (1, 1),
        "mlp.0": (4, 1),
        "mlp.2": (1, 4),
    }.items()
}
FLUX1_SINGLE = {"linear1": (7, 1), "linear2": (1, 5), "modulation.lin": (3, 1)}
FLUX1_GLOBAL = {
    "time_in.out_layer": (1, 1),
    "vector_in.out_layer": (1, 1),
    "guidance_in.out_layer": (1, 1),
    "final_layer.adaLN_modulation.1": (2, 1),
}

FLUX2_DEV = Geometry(
    "flux_2_dev",
    double_blocks=8,
    single_blocks=48,
    hidden=6144,
    text=15360,
    embedded={**TIME, **GUIDANCE},
    multiples={**MULTIPLES, GLOBAL: {**GLOBAL_LINEARS, "guidance_in.out_layer": (1, 1)}},
)
FLUX1 = Geometry(
    "flux1",
    double_blocks=19,
    single_blocks=38,
    hidden=3072,
    text=4096,
    image=64,
    embedded={**TIME, **GUIDANCE, "vector_in.in_layer": 768},
    multiples={DOUBLE: FLUX1_DOUBLE, SINGLE: FLUX1_SINGLE, GLOBAL: FLUX1_GLOBAL},
)
# In the order in which an ambiguous file names them.
FAMILY_GEOMETRIES = {
    Family.KLEIN_4B: KLEIN_4B,
    Family.KLEIN_9B: KLEIN_9B,
    Family.DEV: FLUX2_DEV,
    Family.FLUX1: FLUX1,
}
