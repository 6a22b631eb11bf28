"""python -m benchmarks.gpu: everything that is measured on a GPU, in under 8 minutes on one.

WRN-16-2 with KD and with three searched nodes: images per second of whole epochs on fake CIFAR-100, in float32 and in
bfloat16 autocast, with the live teacher, with the store, compiled, as CUDA graphs, and against the same step written
naively: PIL images out of a DataLoader, eager, float32. Then the tables of benchmarks.memory, benchmarks.epochs and
benchmarks.scaling on the GPU, and what has to be compiled last. What does not fit into --minutes is left out, and said.
``--device cpu --quick`` runs the same code in two minutes without a GPU.
"""

from argparse import Namespace
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2
from torchvision.transforms.functional import to_pil_image

from benchmarks import epochs, memory, naive, reporting, scaling
from benchmarks.naive import Step
from benchmarks.networks import Networks, add_arguments, learner_step, networks
from uniads.knowledge import Batch
from uniads.learner.compiling import DEFAULT, GRAPHS, can_compile
from uniads.learner.frozen import Frozen
from uniads.teacher.store import TeacherStore

EPOCH = 45_000
Epoch = Callable[[], int]


class Pictures(Dataset[tuple[Tensor, int, int]]):
    """The images as PIL pictures, cropped and flipped one by one."""

    def __init__(self, made: Networks) -> None:
        images = made.data.read(train=True)
        self.pictures = [to_pil_image(pixels) for pixels in images.pixels]
        self.label = images.label.tolist()
        crop = [v2.RandomCrop(32, padding=4), v2.RandomHorizontalFlip(), v2.ToImage()]
        scale = [v2.ToDtype(torch.float32, scale=True), v2.Normalize(made.data.mean, made.data.std)]
        self.transform = v2.Compose([*crop, *scale])

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, index: int) -> tuple[Tensor, int, int]:
        return self.transform(self.pictures[index]), self.label[index], index


def naive_batches(made: Networks, batch: int, device: str) -> Iterator[Batch]:
    """Batches out of PIL images, read ahead by worker processes."""
    loader = DataLoader(Pictures(made), batch, shuffle=True, num_workers=4 if device == "cuda" else 0)
    for parts in loader:
        yield Batch(*(part.to(device) for part in parts))


Make = Callable[[], Epoch]
"""How the epoch of a row is made: late, so that what is left out costs nothing."""


def over(step: Step, batches: Callable[[], Iterator[Batch]]) -> Epoch:
    """An epoch of a step; it returns how many images that were."""
    return lambda: sum(step(each) is None and len(each.label) for each in batches())


def ours(
    made: Networks, arguments: Namespace, folder: Path, name: str, half: bool, mode: str | None, stored: bool
) -> Epoch:
    """An epoch as this package trains it.

    Args:
        made: the pair.
        arguments: with ``device`` and ``batch``.
        folder: for stores.
        name: of the distiller.
        half: whether in bfloat16.
        mode: how teacher and student are compiled; None: not at all.
        stored: whether the teacher's answers are stored.
    """
    torch.compiler.reset()  # after eight networks of a class torch compiles no more
    device, batch = arguments.device, arguments.batch
    live = Frozen(deepcopy(made.teacher), torch.bfloat16 if half else torch.float32, mode)
    taps = (3,) if name != "kd" else ()
    kept = TeacherStore(live, folder / f"{name}-{half}-{mode}", made.data.train(batch, device), taps, 4, "auto")
    student = made.own()
    if mode:
        student.compile(mode=mode)
    step = learner_step(student, kept if stored else live, made.distiller(name), made.recipe, half, mode == GRAPHS)
    return over(step, lambda: iter(made.data.train(batch, device)))


def eager_rows(made: Networks, arguments: Namespace, folder: Path) -> Iterator[tuple[str, Make]]:
    """The naive way, and ours without compiling."""
    for name in ("kd", "searched"):
        plain = naive.distillation_step(made.own(), made.teacher, made.distiller(name), made.recipe)
        yield (
            f"{name}, naive, float32",
            partial(over, plain, partial(naive_batches, made, arguments.batch, arguments.device)),
        )
        for half, kind in ((False, "float32"), (True, "bfloat16")):
            yield f"{name}, {kind}", partial(ours, made, arguments, folder, name, half, None, False)
            yield f"{name}, {kind}, store", partial(ours, made, arguments, folder, name, half, None, True)


def compiled_rows(made: Networks, arguments: Namespace, folder: Path) -> Iterator[tuple[str, Make]]:
    """What takes about a minute to compile."""
    modes = {DEFAULT: "compiled", **({GRAPHS: "graphs"} if arguments.device == "cuda" else {})}
    for name, (half, kind), (mode, how) in product(
        ("kd", "searched"), ((False, "float32"), (True, "bfloat16")), modes.items()
    ):
        yield f"{name}, {kind}, {how}", partial(ours, made, arguments, folder, name, half, mode, False)


def speed(epoch: Epoch, device: str, repeats: int) -> float:
    """Images per second, the median of some epochs after one that does not count."""
    found = []
    for turn in range(repeats + 1):
        begin = perf_counter()
        images = epoch()
        if device == "cuda":
            torch.cuda.synchronize()
        if turn:
            found.append(images / (perf_counter() - begin))
    return median(found)


def main() -> None:
    """Measure, print, write."""
    parser = reporting.parser(__doc__, repeats=3, threads=8)
    add_arguments(parser)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--images", type=int, default=9_000, help="images of a measured epoch")
    parser.add_argument("--minutes", type=float, default=7.5)
    parser.add_argument("--no-compile", dest="compile", action="store_false")
    parser.add_argument("--quick", action="store_true", help="small networks, few images, nothing compiled")
    arguments = parser.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("there is no GPU here; --device cpu --quick tries the script without one")
    if arguments.quick:
        arguments.teacher, arguments.student, arguments.images, arguments.repeats = "resnet14", "resnet8", 256, 1
        arguments.compile, arguments.threads = False, 1
    torch.set_num_threads(arguments.threads)
    end = perf_counter() + 60 * arguments.minutes
    made = networks(arguments, arguments.images, arguments.device)
    rows: list[reporting.Row] = []
    tables: dict[str, list[reporting.Row]] = {}
    with TemporaryDirectory() as place:
        folder = Path(place)

        def train(named: Iterator[tuple[str, Make]]) -> None:
            for name, make in named:
                if in_time(name, end):
                    images = speed(make(), arguments.device, arguments.repeats)
                    base = float(str(rows[0]["images per s"])) if rows else images
                    took = {"images per s": images, "s per epoch": EPOCH / images, "speed-up": images / base}
                    rows.append({"training": name, **took})

        train(eager_rows(made, arguments, folder))
        for name, measure in others(made, arguments, folder).items():
            if in_time(name, end):
                tables[name] = measure()
                reporting.show(name, tables[name])
        if arguments.compile and can_compile():
            train(compiled_rows(made, arguments, folder))
    title = torch.cuda.get_device_name() if arguments.device == "cuda" else "CPU"
    reporting.show(f"{arguments.teacher} to {arguments.student}, batch {arguments.batch}, {title}", rows)
    reporting.save("benchmarks.gpu", arguments, rows, device_name=title, epoch=EPOCH, **tables)


def in_time(name: str, end: float) -> bool:
    """Whether there is time left; if not, what is left out is said."""
    if perf_counter() < end:
        return True
    print(f"{name} is left out: the time is over")
    return False


def others(made: Networks, arguments: Namespace, folder: Path) -> dict[str, Callable[[], list[reporting.Row]]]:
    """The tables of other measurements, on this device."""
    quick, device = arguments.quick, arguments.device
    searches = Namespace(candidates=[2 if quick else 8], workers=[1] if quick else [1, 2, 4], threads=1)
    pairs = Namespace(batch=arguments.batch, seed=arguments.seed, repeats=1 if quick else 5, device=device)
    return {
        "memory": lambda: memory.measured(made, (4, 8) if quick else (64, 256), device),
        "epochs": lambda: epochs.measured("wrn40_2-wrn16_2" if quick else None, pairs),
        "scaling": lambda: scaling.rows(searches, folder),
    }


if __name__ == "__main__":
    main()
