"""python -m benchmarks.gpu: everything that is measured on a GPU, in under 8 minutes on one.

WRN-16-2 with KD and with three searched nodes: images per second of whole epochs on fake CIFAR-100, in float32 and in
bfloat16 autocast, with the live teacher, with the store, compiled, as CUDA graphs, and against the same step written
naively: PIL images out of a DataLoader, eager, float32. What does not fit into --minutes is left out, and said.
``--device cpu --quick`` runs the same code in a minute without a GPU.
"""

from argparse import Namespace
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2
from torchvision.transforms.functional import to_pil_image

from benchmarks import naive, reporting
from benchmarks.naive import Step
from benchmarks.networks import Networks, add_arguments, learner_step, networks
from uniads.frozen import DEFAULT, GRAPHS, Frozen, can_compile
from uniads.knowledge import Batch
from uniads.teacher_store import TeacherStore

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


def rows_of(made: Networks, arguments: Namespace, folder: Path) -> Iterator[tuple[str, Callable[[], Epoch]]]:
    """Name of each row, and how its epoch is made: late, so that what is left out costs nothing."""
    device, batch = arguments.device, arguments.batch

    def over(step: Step, batches: Callable[[], Iterator[Batch]]) -> Epoch:
        return lambda: sum(step(each) is None and len(each.label) for each in batches())

    def ours(name: str, half: bool, mode: str | None, stored: bool) -> Epoch:
        torch.compiler.reset()  # after eight networks of a class torch compiles no more
        live = Frozen(deepcopy(made.teacher), torch.bfloat16 if half else torch.float32, mode)
        place = folder / f"{name}-{half}-{mode}"
        kept = TeacherStore(live, place, made.data.train(batch, device), (3,) if name != "kd" else (), 4, "auto")
        student = made.own()
        if mode:
            student.compile(mode=mode)
        step = learner_step(student, kept if stored else live, made.distiller(name), made.recipe, half, mode == GRAPHS)
        return over(step, lambda: iter(made.data.train(batch, device)))

    for name in ("kd", "searched"):
        plain = naive.distillation_step(made.own(), made.teacher, made.distiller(name), made.recipe)
        yield f"{name}, naive, float32", partial(over, plain, lambda: naive_batches(made, batch, device))
        for half in (False, True):
            kind = "bfloat16" if half else "float32"
            yield f"{name}, {kind}", partial(ours, name, half, None, False)
            yield f"{name}, {kind}, store", partial(ours, name, half, None, True)
            if arguments.compile and can_compile():
                yield f"{name}, {kind}, compiled", partial(ours, name, half, DEFAULT, False)
                if device == "cuda":
                    yield f"{name}, {kind}, graphs", partial(ours, name, half, GRAPHS, False)


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
    begin = perf_counter()
    made = networks(arguments, arguments.images, arguments.device)
    rows: list[reporting.Row] = []
    with TemporaryDirectory() as folder:
        for name, make in rows_of(made, arguments, Path(folder)):
            if perf_counter() - begin > 60 * arguments.minutes:
                print(f"{name} is left out: {arguments.minutes} minutes are over")
                continue
            images = speed(make(), arguments.device, arguments.repeats)
            base = float(str(rows[0]["images per s"])) if rows else images
            rows.append(
                {"training": name, "images per s": images, "s per epoch": EPOCH / images, "speed-up": images / base}
            )
    title = torch.cuda.get_device_name() if arguments.device == "cuda" else "CPU"
    reporting.show(f"{arguments.teacher} to {arguments.student}, batch {arguments.batch}, {title}", rows)
    reporting.save("benchmarks.gpu", arguments, rows, device_name=title, epoch=EPOCH)


if __name__ == "__main__":
    main()
