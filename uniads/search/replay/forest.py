"""Random forests and polynomials on genes. scikit-learn is imported when the first one is fitted."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from uniads.search.space import Genome, SearchSpace

Array = np.ndarray[Any, np.dtype[np.float64]]
NumberOf = Mapping[Genome, float]
"""A number for each genome."""

FOLDS = 5


def encode_genomes(space: SearchSpace, genomes: Sequence[Genome]) -> Array:
    """Genomes as rows of numbers, (n, columns): a number as the position of its value, a category one-hot."""
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
        space: space of the genomes.
        recorded: the number of each genome. If all are equal, the forest predicts this number.
        seed: seed of the bootstrap.
        trees: number of trees.
    """

    def __init__(self, space: SearchSpace, recorded: NumberOf, seed: int = 0, trees: int = 100) -> None:
        from sklearn.ensemble import RandomForestRegressor

        self.space = space
        self.genomes = list(recorded)
        self._x, self._y = encode_genomes(space, self.genomes), np.array(list(recorded.values()), dtype=float)
        self._model = RandomForestRegressor(
            trees, min_samples_leaf=2, max_features=0.5, oob_score=True, random_state=seed
        )
        self._model.fit(self._x, self._y)

    def predict(self, genomes: Sequence[Genome]) -> Array:
        """The learned number of each genome, (n,)."""
        # The forest's own method spends most of its time on preparing parallel jobs. Summing tree by tree also makes
        # the prediction for a genome independent of the other genomes of the call.
        x = encode_genomes(self.space, genomes).astype(np.float32)
        total = np.zeros(len(genomes))
        for tree in self._model.estimators_:
            total += tree.predict(x, check_input=False)
        return total / len(self._model.estimators_)

    def errors(self) -> dict[Genome, float]:
        """Recorded minus predicted number, by the trees that were grown without the genome (out of bag)."""
        return dict(zip(self.genomes, (self._y - self._model.oob_prediction_).tolist(), strict=True))

    def cross_validate(self) -> tuple[Array, Array]:
        """The recorded numbers, and what forests fitted without them predict, in 5 folds; (n,) each."""
        from sklearn.base import clone
        from sklearn.model_selection import KFold, cross_val_predict

        folds = KFold(FOLDS, shuffle=True, random_state=0)
        return self._y, cross_val_predict(clone(self._model).set_params(oob_score=False), self._x, self._y, cv=folds)


class Polynomial:
    """A polynomial of degree 3 in the values of some genes, such as blocks times squared width.

    Args:
        values: values of the genes, (n, genes), distinct rows.
        numbers: the number of each row, (n,).

    Attributes:
        exact: whether it predicts held-out numbers to one part in a million, in 5 folds.
    """

    def __init__(self, values: Array, numbers: Array) -> None:
        from sklearn.linear_model import LinearRegression
        from sklearn.model_selection import cross_val_predict
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import MaxAbsScaler, PolynomialFeatures

        model = make_pipeline(MaxAbsScaler(), PolynomialFeatures(3), LinearRegression())
        self.exact = False
        if len(numbers) >= FOLDS:
            predicted = cross_val_predict(model, values, numbers, cv=FOLDS)
            self.exact = bool((abs(predicted - numbers) <= 1e-6 * abs(numbers)).all())
        self._model = model.fit(values, numbers)

    def predict(self, values: Array) -> Array:
        """The number of each row, (n,)."""
        return np.asarray(self._model.predict(values), dtype=float)
