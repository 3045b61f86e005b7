"""The layers that a checkpoint changes: each adapter with the place that its name means and the matrix that it adds."""

from dataclasses import dataclass

from finetunes.checkpoints.adapters import Adapter, Delta, group_tensors
from finetunes.checkpoints.flux import FLUX1
from finetunes.checkpoints.header import Header
from finetunes.checkpoints.klein import GLOBAL, Geometry
from finetunes.checkpoints.layouts import Layout, Name, layout_of, parse_name
from finetunes.checkpoints.places import Place


@dataclass(frozen=True)
class Layer:
    adapter: Adapter
    name: Name
    layout: Layout
    delta: Delta

    def fits(self, geometry: Geometry) -> bool:
        """By name and by as many sides as are known, whatever the number of its block."""
        shape = shape_in(self.name.place, geometry)
        return shape is not None and _agree(shape, self.delta)

    def is_within(self, geometry: Geometry) -> bool:
        place = self.name.place
        return place is not None and (place.stack == GLOBAL or place.block < geometry.blocks(place.stack))


def read_layers(header: Header) -> list[Layer]:
    layers = []
    for adapter in group_tensors(header):
        name = parse_name(adapter.name)
        layers.append(Layer(adapter, name, layout_of(adapter, name), adapter.delta()))
    return layers


def shape_in(place: Place | None, geometry: Geometry) -> tuple[int, int] | None:
    """(outputs, inputs) of the layer; None where the transformer has none of this name in this spelling."""
    if place is None or not (place.target.flux1 if geometry is FLUX1 else place.target.flux2):
        return None
    return geometry.shape(place.stack, place.target.module, place.target.part)


def _agree(shape: tuple[int, int], delta: Delta) -> bool:
    sides = [(wanted, found) for wanted, found in zip(shape, (delta.outputs, delta.inputs), strict=True)]
    return any(found is not None for _, found in sides) and all(found in (wanted, None) for wanted, found in sides)
