"""python -m benchmarks.memory: peak memory of every distiller, distance and transform, at two batch sizes.

Forward and backward, on knowledge of the shapes of WRN-40-2 and WRN-16-2, without the networks themselves. ``growth``
is the larger batch's peak by the smaller one's: with four times the images 4 is linear, 16 quadratic, 64 cubic.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

import uniads
from benchmarks import reporting
from benchmarks.networks import Networks, add_arguments, networks
from benchmarks.peak import peak_bytes
from uniads import options
from uniads.distance.base import Distance
from uniads.distiller.base import Distiller
from uniads.knowledge import Batch, Knowledge
from uniads.transform.base import Transform

Work = Callable[[int], object]


def knowledge(n: int, device: str, grad: bool) -> Knowledge:
    """Random knowledge of n images, as WRN-40-2 and WRN-16-2 both have it."""

    def drawn(*shape: int) -> Tensor:
        return torch.randn(n, *shape, device=device, requires_grad=grad)

    maps = tuple(drawn(*shape) for shape in ((16, 32, 32), (32, 32, 32), (64, 16, 16), (128, 8, 8)))
    return Knowledge(maps, drawn(128), drawn(100))


def backward(loss: Tensor) -> None:
    """Gradients, where there are any: a distance to labels of no one has none."""
    if loss.requires_grad:
        loss.backward()  # type: ignore[no-untyped-call]


def distance_work(distance: Distance, rank: int, device: str, n: int) -> None:
    """One distance between two maps, or between logits."""
    pick = knowledge(n, device, True), knowledge(n, device, False)
    mine, theirs = (each.features[-1] if rank == 4 else each.logits for each in pick)
    backward(distance(mine, theirs))


def transform_work(transform: Transform, rank: int, device: str, n: int) -> None:
    """One transform of a map, or of an embedding."""
    known = knowledge(n, device, True)
    backward(transform(known.features[-1] if rank == 4 else known.embedding).float().sum())


def distiller_work(distiller: Distiller, device: str, n: int) -> None:
    """All terms of a batch."""
    batch = Batch(torch.zeros(n, 3, 32, 32, device=device), torch.arange(n, device=device) % 100,
                  torch.arange(n, device=device))  # fmt: skip
    terms = distiller(knowledge(n, device, True), knowledge(n, device, False), batch)
    if terms:
        backward(torch.stack([term for term in terms.values()]).sum())


def works(made: Networks, device: str) -> Iterator[tuple[str, str, Work]]:
    """Group, option and work of everything that is measured."""
    for name in options("transform"):
        transform: Any = uniads.build("transform", name)
        yield "transform", name, partial(transform_work, transform, max(r for r in transform.ranks if r != 3), device)
    for name in options("distance"):
        rank = 2 if name == "hard" else 4
        yield "distance", name, partial(distance_work, uniads.build("distance", name), rank, device)
    for name in options("distiller"):
        try:
            yield "distiller", name, partial(distiller_work, made.distiller(name), device)
        except Exception as error:  # one that needs more than two networks is named, and left out
            print(f"distiller {name} is left out: {type(error).__name__}: {error}".splitlines()[0])


def measured(made: Networks, batches: Sequence[int], device: str) -> list[reporting.Row]:
    """Peak memory of everything at a smaller and a larger batch, what grows most first."""
    rows: list[reporting.Row] = []
    first, second = batches
    for group, name, work in works(made, device):
        try:
            low, high = (peak_bytes(partial(work, n), device) / 2**20 for n in batches)
        except Exception as error:
            print(f"{group} {name} is left out: {type(error).__name__}: {error}".splitlines()[0])
            continue
        sizes = {f"MiB at {first}": low, f"MiB at {second}": high, "growth": high / low if low else 1.0}
        rows.append({"option": f"{group} {name}", **sizes})
    return sorted(rows, key=lambda row: -float(str(row["growth"])))


def main() -> None:
    """Measure, print, write."""
    parser = reporting.parser(__doc__, repeats=1, threads=2)
    add_arguments(parser)
    parser.add_argument("--batches", type=int, nargs=2, default=[64, 256])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    made = networks(arguments, max(arguments.batches), arguments.device)
    rows = measured(made, arguments.batches, arguments.device)
    reporting.show("peak memory, forward and backward", rows)
    reporting.save("benchmarks.memory", arguments, rows)


if __name__ == "__main__":
    main()
