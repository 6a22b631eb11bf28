"""NSGA-II: parents are chosen by tournament, children made by uniform crossover and mutation."""

from collections.abc import Sequence
from random import Random
from typing import final

from uniads.error import UserError
from uniads.search.algorithm.base import Algorithm
from uniads.search.algorithm.guide import Guide
from uniads.search.algorithm.variation import cross_genomes, gene_weights, mutate_gene
from uniads.search.pareto import rank_survivors
from uniads.search.space import Genome, SearchSpace, Weights
from uniads.search.trial import Status, Trial


@final
class NSGA2(Algorithm):
    """The non-dominated sorting genetic algorithm with duplicate elimination.

    Survivors are the best ``population`` of parents and offspring by (highest rung reached, front within that rung,
    crowding distance). A parent is the better of two survivors drawn at random. A child takes each gene from either
    parent. Then each gene may mutate: a number steps to a neighbour, a category is drawn again by its weight.

    Source: Deb et al. 2002, doi:10.1109/4235.996017. DEAP sorts and computes the crowding distance.

    Args:
        population: survivors, at least 2.
        crossover: probability that a child has two parents, 0 to 1.
        mutation: probability that a gene mutates, 0 to 1; None for 1 / number of genes.
        guide: chooses each genome out of ``guide.children`` children; None takes the first child.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int = 0,
        start: Sequence[Genome] = (),
        population: int = 12,
        crossover: float = 0.9,
        mutation: float | None = None,
        guide: Guide | None = None,
    ) -> None:
        super().__init__(space, seed, start)
        if population < 2:
            raise UserError(f"search.algorithm.population must be at least 2, got {population}")
        for name, rate in (("crossover", crossover), ("mutation", mutation)):
            if rate is not None and not 0 <= rate <= 1:
                raise UserError(f"search.algorithm.{name} must be a probability from 0 to 1, got {rate}")
        self.population = population
        self.crossover = crossover
        self.mutation = 1 / len(space.dimensions) if mutation is None else mutation
        self.guide = guide
        self.survivors: list[Trial] = []

    def observe(self, trials: Sequence[Trial]) -> None:
        if self.guide:
            self.guide.observe(trials)

    def tell(self, trials: Sequence[Trial]) -> None:
        completed = [trial for trial in trials if trial.status is Status.COMPLETED]
        self.survivors = rank_survivors([*self.survivors, *completed])[: self.population]

    def propose(self, rng: Random, weights: Weights | None) -> Genome:
        if not self.survivors:
            return self.space.draw(rng, weights)
        if self.guide is None:
            return self._breed(rng, weights)
        children = [self._breed(rng, weights) for _ in range(self.guide.children)]
        new = [child for child in dict.fromkeys(children) if not self.is_known(child)]
        return self.guide.choose(new) if new else children[0]

    def _breed(self, rng: Random, weights: Weights | None) -> Genome:
        mother, father = self._select_parent(rng), self._select_parent(rng)
        child = cross_genomes(mother, father, rng) if rng.random() < self.crossover else mother
        return self.space.repair(self._mutate(child, rng, weights))

    def _select_parent(self, rng: Random) -> Genome:
        # Survivors are sorted, best first, so the smaller position wins the tournament.
        return self.survivors[min(rng.randrange(len(self.survivors)) for _ in range(2))].genome

    def _mutate(self, genome: Genome, rng: Random, weights: Weights | None) -> Genome:
        genes = list(genome)
        for position, dimension in enumerate(self.space.dimensions):
            if rng.random() < self.mutation:
                genes[position] = mutate_gene(dimension, genes[position], rng, gene_weights(weights, position))
        return tuple(genes)
