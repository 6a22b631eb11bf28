"""python -m benchmarks.balance_norms: where the gradients that balance a term are best measured.

The draws of `benchmarks.random_distillers` are trained with factors by the gradients' norms with respect to all of the
student's parameters, where a balanced distiller takes the last shared feature map. Both are measured in the same
steps. A row is one term of one draw with both factors, and the draw's validation loss; the same command goes on after
the last. The loss with feature maps is that of `benchmarks.random_distillers`, same draws and seed (``--maps``).
"""

import json
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import torch
from scipy import stats
from torch import Tensor, nn

from benchmarks import reporting
from benchmarks.candidates import candidate_parser, draw, train_to_end
from uniads.distiller.balance import Balance
from uniads.knowledge import Knowledge
from uniads.training.parts import Parts


class ByParameters(Balance):  # type: ignore[misc]  # final; here its two readings are compared
    """Factors by gradients with respect to parameters; those with respect to feature maps are kept beside them."""

    def __init__(self, names: tuple[str, ...], student: nn.Module) -> None:
        super().__init__(names)
        self.parameters_of_student = tuple(student.parameters())  # a tuple, so that they stay the student's alone
        self.task, self.term = torch.zeros(len(names)), torch.zeros(len(names))

    def by_maps(self) -> Tensor:
        """The factors that a balanced distiller would take."""
        return super().factors()

    def factors(self) -> Tensor:
        if self.steps == 0:
            return torch.ones_like(self.term)
        return torch.where(self.term > 0, self.task / self.term, torch.zeros_like(self.term))

    def measure(self, task: Tensor, terms: Mapping[str, Tensor], student: Knowledge) -> None:
        super().measure(task, terms, student)
        for number, name in enumerate(self.names):
            self.task[number] += self._norm(task)
            self.term[number] += self._norm(terms[name])

    def _norm(self, loss: Tensor) -> Tensor:
        if not loss.requires_grad:
            return torch.zeros(())
        found = torch.autograd.grad(loss, self.parameters_of_student, retain_graph=True, allow_unused=True)
        norms: list[Tensor] = [gradient.float().norm() for gradient in found if gradient is not None]
        whole: Tensor = torch.linalg.vector_norm(torch.stack(norms))
        return whole


def measure(arguments: Namespace, number: int, overrides: list[str]) -> list[dict[str, str | int | float]]:
    """The rows of one draw."""
    balances: list[ByParameters] = []

    def prepare(parts: Parts) -> None:
        distiller = parts.learner.get_submodule("distiller")
        if isinstance(distiller.balance, Balance):
            distiller.balance = ByParameters(distiller.balance.names, parts.student)
            balances.append(distiller.balance)

    found = train_to_end(arguments, overrides, arguments.seed, arguments.epochs, prepare)
    shared = {"number": number, **found}
    return [
        {**shared, "term": name, "by maps": maps, "by parameters": parameters}
        for balance in balances
        for name, maps, parameters in zip(
            balance.names, balance.by_maps().tolist(), balance.factors().tolist(), strict=True
        )
    ] or [{**shared, "term": "none"}]


def summary(rows: list[dict[str, Any]], maps: dict[str, Any]) -> reporting.Row:
    """How far the factors are apart, and what it makes of the losses."""
    ratios = sorted(row["by parameters"] / row["by maps"] for row in rows if row.get("by maps"))
    here = {f"draw {row['number']}": row.get("estimated") for row in rows}
    there = {row["name"]: row.get("estimated") for row in maps["rows"]}
    both = [(there[name], loss) for name, loss in here.items() if loss is not None and there.get(name) is not None]
    with_maps, with_parameters = zip(*both, strict=True)
    return {
        "terms": len(ratios),
        "by parameters / by maps": median(ratios),
        "its 90%": f"{ratios[len(ratios) // 20]:.2f} to {ratios[-1 - len(ratios) // 20]:.2f}",
        "draws": len(both),
        "rejected by maps": sum(there.get(name) is None for name in here),
        "rejected by parameters": sum(loss is None for loss in here.values()),
        "median loss by maps": median(with_maps),
        "median loss by parameters": median(with_parameters),
        "p": float(stats.wilcoxon(with_maps, with_parameters).pvalue),
    }


def main() -> None:
    """Train, keep, compare."""
    parser = candidate_parser(__doc__)
    parser.add_argument("--maps", type=Path, required=True, help="result of benchmarks.random_distillers")
    parser.add_argument("--epochs", type=int, default=5, help="length of each training")
    arguments = parser.parse_args()
    rows = reporting.resume(arguments, "candidates").get("rows", [])
    done = max((row["number"] for row in rows), default=-1)
    for number, overrides in enumerate(draw(arguments)):
        if number > done:
            rows += measure(arguments, number, overrides)
            reporting.save("benchmarks.balance_norms", arguments, rows)
    table = [reporting.rounded_row(summary(rows, json.loads(arguments.maps.read_text(encoding="utf-8"))))]
    reporting.save("benchmarks.balance_norms", arguments, rows, tables=table)
    reporting.show("factors by parameters beside factors by feature maps", table)


if __name__ == "__main__":
    main()
