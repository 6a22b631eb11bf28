"""Lower sampling weights for values whose candidates are rejected or rank poorly."""

from collections.abc import Iterable, Sequence

from uniads.error import UserError
from uniads.search.space import SearchSpace, Weights
from uniads.search.trial import Status, Trial


class Shrinkage:
    """Sampling weight of value v of gene d: max(floor, r[d, v] / mean_v r[d, v]) with r = (promoted + 1) / (tried + 2).

    ``tried`` counts the candidates that had the value. ``promoted`` counts those of them that were trained beyond the
    rung they started at, or completed the highest one. No weight falls below the floor, so every value can be drawn.

    Args:
        floor: above 0, at most 1.
        spare: key prefixes of genes that keep equal weights. Genes that decide the number of parameters belong here,
            since small students rank poorly by loss alone.
    """

    def __init__(self, floor: float = 0.25, spare: Sequence[str] = ("student.",)) -> None:
        if not 0 < floor <= 1:
            raise UserError(f"search.shrinkage.floor must be above 0 and at most 1, got {floor}")
        self.floor = floor
        self.spare = tuple(spare)

    def weights(self, space: SearchSpace, trials: Iterable[Trial]) -> Weights:
        """The weights after these trials, one tuple for each gene."""
        ended = list(trials)
        tried_genomes = {trial.genome for trial in ended}
        top = max((trial.rung for trial in ended), default=0)
        risen = [trial for trial in ended if trial.start or (trial.rung == top and trial.status is Status.COMPLETED)]
        promoted_genomes = {trial.genome for trial in risen}
        rows = []
        for position, dimension in enumerate(space.dimensions):
            tried = [0] * len(dimension.values)
            promoted = [0] * len(dimension.values)
            for genome in tried_genomes:
                tried[genome[position]] += 1
                promoted[genome[position]] += genome in promoted_genomes
            rates = [(up + 1) / (n + 2) for up, n in zip(promoted, tried, strict=True)]
            mean = sum(rates) / len(rates)
            spared = dimension.key.startswith(self.spare) if self.spare else False
            rows.append(tuple(1.0 if spared else max(self.floor, rate / mean) for rate in rates))
        return tuple(rows)
