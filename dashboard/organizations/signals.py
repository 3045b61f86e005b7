"""What the apps above may need to know of an organization, and to answer: its deletion."""

from dataclasses import dataclass

from django.dispatch import Signal

# Sent with `organization`; each receiver answers with Consequences. Nothing is changed yet.
deletion_asked = Signal()
# Sent with `organization` inside the transaction that deletes it: receivers put off to its commit what they remove.
deleted = Signal()


@dataclass(frozen=True)
class Obstacle:
    """Something that others rely on: what it is, and who would lose it."""

    name: str
    held_by: str


@dataclass(frozen=True)
class Loss:
    """What goes with the organization; the words follow the number: "finetune", or for more of them "finetunes"."""

    count: int
    one: str
    many: str
    remark: str


@dataclass(frozen=True)
class Consequences:
    """`obstacles` are the first of them, `obstacle_count` is all."""

    obstacles: tuple[Obstacle, ...] = ()
    obstacle_count: int = 0
    losses: tuple[Loss, ...] = ()
