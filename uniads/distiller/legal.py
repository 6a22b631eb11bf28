"""Which values a node can take, which of its genes have an effect, and what an illegal combination is repaired to.

The search space applies the rules to every genome:

1. A node of weight 0 has no term, so its other genes are idle.
2. A chain's identities go to its end; a transform that leaves its input as it is, such as ``scale_r1``, is one.
   (``batch`` of a vector does so too, and is not counted: so recorded searches of the paper's space stay valid.)
3. A transform that does not take the rank that it is given becomes ``identity``, or the first value that fits where
   identity is not listed.
4. So does one that looks at labels where there are no scores of classes: in an embedding, or after a transform that
   does not keep the classes.
5. With a distance that compares images with each other, these can't be weighted: the sample weight is ``one``, or the
   first that is listed. So it is where it would compare regions with their whole image and the node has none.

So every genome is legal, and combinations that mean the same are one candidate.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from uniads.distiller.sample_weight import DISAGREEMENT, ONE
from uniads.search.space import Switch, Value

IDENTITY = "identity"
SLOTS = ("first", "second", "third")
CLASSES_ONLY = ("hard",)
"""Distances that compare decisions; only logits hold any."""


def start_rank(source: str) -> int:
    """Rank of a kind of knowledge: 4 for maps of features or classes, 2 for vectors."""
    return 4 if source in ("feature", "cam") else 2


def has_classes(source: str) -> bool:
    """Whether a kind of knowledge has a score for each class, along axis 1."""
    return source in ("logits", "cam", "regions")


@dataclass(frozen=True)
class NodeRule:
    """The rules for one node of a distiller.

    Attributes:
        path: where the node stands in the configuration, such as ``distiller.logits``.
        source: its kind of knowledge.
        ranks: for each transform the ranks that it takes, with the ranks that it returns.
        kept: for each transform the ranks of which it leaves every tensor as it is; none where it is not listed.
        labelled: the transforms that look at labels.
        classed: the transforms that keep the classes.
        joint: the distances that compare images with each other.
    """

    path: str
    source: str
    ranks: Mapping[str, Mapping[int, int]]
    kept: Mapping[str, Collection[int]] = field(default_factory=dict)
    labelled: Collection[str] = ()
    classed: Collection[str] = ()
    joint: Collection[str] = ()

    def allowed(self, key: str, values: Sequence[Value]) -> list[Value]:
        """Those of a key's values that can be legal for this node at all."""
        if key == f"distance@{self.path}.distance" and not has_classes(self.source):
            return [value for value in values if value not in CLASSES_ONLY]
        if key == f"transform@{self.path}.transform.first":
            return [value for value in values if self._fits(value, start_rank(self.source), has_classes(self.source))]
        return list(values)

    def switches(self, values: Mapping[str, Sequence[Value]]) -> list[Switch]:
        """The switch of this node's weight, if 0 is one of its values: the other genes of the node are then idle.

        Args:
            values: what each key of the space may be.
        """
        weight = f"{self.path}.weight"
        if 0 not in values.get(weight, ()):
            return []
        genes = [key for key in values if key.rpartition("@")[2].startswith(f"{self.path}.") and key != weight]
        return [Switch(weight, (0,), tuple(genes))]

    def repair(self, point: dict[str, Value], values: Mapping[str, Sequence[Value]]) -> dict[str, Value]:
        """The legal point that a point stands for.

        Args:
            point: values by override key.
            values: what each key may be.
        """
        slots = [key for key in (f"transform@{self.path}.transform.{slot}" for slot in SLOTS) if key in point]
        chain = [point[key] for key in slots]
        weight, distance = f"{self.path}.sample_weight", f"distance@{self.path}.distance"
        whole = point.get(weight) == DISAGREEMENT and point.get(f"{self.path}.source", self.source) != "regions"
        if weight in point and (whole or point.get(distance) in self.joint):
            point = point | {weight: ONE if ONE in values[weight] else values[weight][0]}
        return point | dict(zip(slots, self._legal(chain, [values[key] for key in slots]), strict=True))

    def _fits(self, step: Value, rank: int, classes: bool) -> bool:
        """Whether a transform takes what it is given."""
        return rank in self.ranks[str(step)] and (classes or step not in self.labelled)

    def _keeps_classes(self, step: Value) -> bool:
        return step == IDENTITY or step in self.classed

    def _legal(self, chain: Sequence[Value], allowed: Sequence[Sequence[Value]]) -> list[Value]:
        """The chain without the steps that do not fit."""
        kept: list[Value] = []
        rank, classes = start_rank(self.source), has_classes(self.source)
        for step in chain:
            if not self._keeps(step, rank) and self._fits(step, rank, classes):
                kept.append(step)
                rank, classes = self.ranks[str(step)][rank], classes and self._keeps_classes(step)
        kept += [IDENTITY] * (len(chain) - len(kept))
        if all(step in values for step, values in zip(kept, allowed, strict=True)):
            return kept
        return self._in_place(chain, allowed)

    def _keeps(self, step: Value, rank: int) -> bool:
        return step == IDENTITY or rank in self.kept.get(str(step), ())

    def _in_place(self, chain: Sequence[Value], allowed: Sequence[Sequence[Value]]) -> list[Value]:
        """The chain with steps that do not fit replaced where they stand, for slots that list no identity.

        Of the slot's transforms that leave their input as it is the first stands for all.
        """
        legal: list[Value] = []
        rank, classes = start_rank(self.source), has_classes(self.source)
        for step, values in zip(chain, allowed, strict=True):
            same = [v for v in (IDENTITY, *values) if self._keeps(v, rank)] if self._keeps(step, rank) else []
            choices = (*same, step, IDENTITY, *values)
            legal.append(next((v for v in choices if v in values and self._fits(v, rank, classes)), step))
            rank, classes = self.ranks[str(legal[-1])].get(rank, rank), classes and self._keeps_classes(legal[-1])
        return legal
