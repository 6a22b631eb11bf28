"""Values tied to rejections and poor ranks are sampled less."""

from collections.abc import Iterable, Sequence

from uniads.search.space import SearchSpace, Weights
from uniads.search.trial import Status, Trial


class Shrinkage:
    """Sampling weight of value v of gene d: max(floor, r[d, v] / mean_v r[d, v]) with r = (promoted + 1) / (seen + 2).

    ``seen`` counts the candidates that had the value, ``promoted`` those of them that were trained beyond the first
    rung, or completed it where none goes beyond. No weight falls below the floor, so no value ever dies.

    Args:
        floor: above 0, at most 1.
        spare: key prefixes of genes that keep equal weights. Genes that set the number of parameters belong here:
            small students rank poorly by loss alone.
    """

    def __init__(self, floor: float = 0.25, spare: Sequence[str] = ("student.",)) -> None:
        if not 0 < floor <= 1:
            raise ValueError(f"search.shrinkage.floor must be above 0 and at most 1, got {floor}")
        self.floor = floor
        self.spare = tuple(spare)

    def weights(self, space: SearchSpace, trials: Iterable[Trial]) -> Weights:
        """The weights after these trials, one tuple a gene."""
        everyone, finished, climbed = set(), set(), set()
        for trial in trials:
            everyone.add(trial.genome)
            if trial.status is Status.COMPLETED:
                finished.add(trial.genome)
            if trial.rung > 0:
                climbed.add(trial.genome)
        risen = climbed or finished
        rows = []
        for position, dimension in enumerate(space.dimensions):
            seen = [0] * len(dimension.values)
            promoted = [0] * len(dimension.values)
            for genome in everyone:
                seen[genome[position]] += 1
                promoted[genome[position]] += genome in risen
            rates = [(up + 1) / (n + 2) for up, n in zip(promoted, seen, strict=True)]
            mean = sum(rates) / len(rates)
            spared = dimension.key.startswith(self.spare) if self.spare else False
            rows.append(tuple(1.0 if spared else max(self.floor, rate / mean) for rate in rates))
        return tuple(rows)
