"""Random forests on genes. The only file of the engine that uses scikit-learn, and only when a forest is fitted."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from uniads.search.space import Genome, SearchSpace

Array = np.ndarray[Any, np.dtype[np.float64]]
Told = Mapping[Genome, float]
"""A number by genome."""

FOLDS = 5


def encoded(space: SearchSpace, genomes: Sequence[Genome]) -> Array:
    """Genomes as rows of numbers, (n, columns): an ordinal gene by its position, a category one-hot."""
    genes = np.array(genomes, dtype=int).reshape(len(genomes), len(space.dimensions))
    columns = [
        genes[:, [position]] if dimension.ordinal else np.eye(len(dimension.values))[genes[:, position]]
        for position, dimension in enumerate(space.dimensions)
    ]
    return np.concatenate(columns, axis=1).astype(float)


class Forest:
    """The mean of regression trees, each grown on a bootstrap sample of the genomes.

    Source: Breiman 2001, doi:10.1023/A:1010933404324.

    Args:
        space: of the genomes.
        told: what to learn; equal numbers make a forest that says this number.
        seed: of the bootstrap.
        trees: of the forest.
    """

    def __init__(self, space: SearchSpace, told: Told, seed: int = 0, trees: int = 100) -> None:
        from sklearn.ensemble import RandomForestRegressor

        self.space = space
        self.genomes = list(told)
        self._x, self._y = encoded(space, self.genomes), np.array(list(told.values()), dtype=float)
        self._model = RandomForestRegressor(
            trees, min_samples_leaf=2, max_features=0.5, oob_score=True, random_state=seed
        )
        self._model.fit(self._x, self._y)

    def predict(self, genomes: Sequence[Genome]) -> Array:
        """The learned number of each genome, (n,)."""
        # The forest's own method spends four fifths of its time on bookkeeping for parallel jobs. The sum goes tree by
        # tree, so that a genome's number does not depend on which others it is asked with.
        x = encoded(self.space, genomes).astype(np.float32)
        total = np.zeros(len(genomes))
        for tree in self._model.estimators_:
            total += tree.predict(x, check_input=False)
        return total / len(self._model.estimators_)

    def errors(self) -> dict[Genome, float]:
        """Told less predicted, by the trees that were grown without the genome (out of bag)."""
        return dict(zip(self.genomes, (self._y - self._model.oob_prediction_).tolist(), strict=True))

    def unseen(self) -> tuple[Array, Array]:
        """What was told, and what a forest that did not see it predicts, by cross-validation in 5 folds; (n,) each."""
        from sklearn.base import clone
        from sklearn.model_selection import KFold, cross_val_predict

        folds = KFold(FOLDS, shuffle=True, random_state=0)
        return self._y, cross_val_predict(clone(self._model).set_params(oob_score=False), self._x, self._y, cv=folds)


class Polynomial:
    """A number that is a polynomial of degree 3 in the values of some genes; blocks times squared width is one.

    Args:
        values: of the genes, (n, genes), distinct rows.
        numbers: one a row, (n,).

    Attributes:
        exact: whether held-out numbers are met to one part in a million, in 5 folds.
    """

    def __init__(self, values: Array, numbers: Array) -> None:
        from sklearn.linear_model import LinearRegression
        from sklearn.model_selection import cross_val_predict
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import MaxAbsScaler, PolynomialFeatures

        model = make_pipeline(MaxAbsScaler(), PolynomialFeatures(3), LinearRegression())
        self.exact = False
        if len(numbers) >= FOLDS:
            unseen = cross_val_predict(model, values, numbers, cv=FOLDS)
            self.exact = bool((abs(unseen - numbers) <= 1e-6 * abs(numbers)).all())
        self._model = model.fit(values, numbers)

    def predict(self, values: Array) -> Array:
        """The numbers of some rows, (n,)."""
        return np.asarray(self._model.predict(values), dtype=float)
