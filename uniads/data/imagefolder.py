"""Image files in a folder for each class: ImageNet, or a set of the user's own."""

from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, final

import torch
from jaxtyping import Int
from torch import Tensor
from torchvision.datasets.folder import IMG_EXTENSIONS
from torchvision.transforms import v2

from uniads.data.base import Data, Images
from uniads.data.stream import StreamLoader, Views, usable_workers
from uniads.data.walk import find_images, subfolders
from uniads.error import MissingFileError, UserError, did_you_mean


class Files(NamedTuple):
    """Image files of one part of a data set.

    Attributes:
        path: of each image, class after class.
        label: classes from 0, in the order of their folders' names.
    """

    path: tuple[str, ...]
    label: Int[Tensor, " n"]


@final
class ImageFolder(Data):
    """Images of any sizes in torchvision's layout: ``train/<class>/`` and ``test/<class>/`` or ``val/<class>/``.

    Which files count is said in ``find_images``, how their pixels are read in ``read_image``: hidden files and folders
    are passed over, 16-bit grey is scaled, an EXIF orientation is ignored.

    Files are read while they are needed. Training images are cropped at random (a share of the area in ``scale``,
    aspect ratio 3/4 to 4/3), resized to ``crop`` and flipped; all others are resized to ``resize`` on their shorter
    side and cut to the ``crop`` pixels in the middle. Both are the common ones of ImageNet. The test folder is the
    test set, whatever it is called: images to validate on are held out of ``train``.

    Args:
        folder: of the set, inside of ``root`` or absolute.
        root: folder of all data sets.
        num_classes: how many there have to be; None for as many as there are folders.
        test_folder: None for ``test``, or, where there is none, ``val``.
        crop: height and width of an image as a network sees it, in pixels.
        resize: shorter side before the middle is cut out, in pixels, at least ``crop``.
        scale: smallest and largest share of a training image's area, above 0, at most 1.
        flip: whether to flip training images left to right at random.
        workers: processes that read ahead; None for one a core, at most 8. They change no image.
        common: see ``Data``.

    Raises:
        UserError: an argument is out of its range, or no folder is given.
        MissingFileError: the classes are to be counted, and a folder is missing.
    """

    def __init__(
        self,
        folder: str | None,
        root: str | None = None,
        num_classes: int | None = None,
        test_folder: str | None = None,
        crop: int = 224,
        resize: int = 256,
        scale: Sequence[float] = (0.08, 1.0),
        flip: bool = True,
        workers: int | None = None,
        **common: Any,
    ) -> None:
        if folder is None:
            raise UserError(
                "no folder of images is given; add data.folder=DIR, with DIR/train/<class>/ and DIR/test/<class>/"
            )
        if not 1 <= crop <= resize:
            raise UserError(f"data.crop must be 1 or more and at most data.resize={resize}, got {crop}")
        if len(scale) != 2 or not 0 < scale[0] <= scale[1] <= 1:
            raise UserError(f"data.scale must be two rising shares above 0 and at most 1, got {list(scale)}")
        self.folder = Path(root or "") / folder
        self.tests = ("test", "val") if test_folder is None else (test_folder,)
        self.crop, self.workers = crop, usable_workers(workers)
        self.augmented = v2.Compose(
            [v2.RandomResizedCrop(crop, tuple(scale)), v2.RandomHorizontalFlip(0.5 if flip else 0.0), v2.PILToTensor()]
        )
        self.plain = v2.Compose([v2.Resize(resize), v2.CenterCrop(crop), v2.PILToTensor()])
        # Without a number the folders have to be counted now; with one nothing is looked at before it is needed.
        classes = len(self.classes) if num_classes is None else num_classes
        super().__init__(num_classes=classes, root=root, flip=flip, **common)

    @cached_property
    def contents(self) -> str:
        """A short hash of the training images' names, sizes and times of change; the place of the folder is no part."""
        part = self._part("train")
        digest = sha256()
        for path in self._train_files.path:
            about = Path(path).stat()
            name = Path(path).relative_to(part).as_posix().encode("utf-8", "backslashreplace")
            digest.update(b"%s %d %d\n" % (name, about.st_size, about.st_mtime_ns))
        return digest.hexdigest()[:16]

    @property
    def channels(self) -> int:
        return 3

    @property
    def size(self) -> tuple[int, int]:
        return self.crop, self.crop

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their labels.

        Raises:
            MissingFileError: a folder is missing.
            UserError: there are less than two classes, or the test folder has one more.
        """
        train, test = self._part("train"), self._part(*self.tests)
        found, tested = subfolders(train), subfolders(test)
        if len(found) < 2:
            raise UserError(f"{train} has {len(found)} class folders, at least 2 are needed; {self._expected_layout}")
        if strange := sorted(set(tested) - set(found)):
            near = did_you_mean(strange[0], found) or did_you_mean(strange[0].lower(), [f.lower() for f in found])
            raise UserError(
                f"{test} has classes that {train} does not have: {some(strange)}; remove or rename them. {near}".strip()
            )
        return found

    @property
    def _expected_layout(self) -> str:
        tests = " or ".join(f"{name}/<class>/" for name in self.tests)
        return f"put the images into {self.folder}/train/<class>/ and {tests}"

    def _part(self, *names: str) -> Path:
        """The first folder of these names that there is."""
        for name in names:
            if (self.folder / name).is_dir():
                return self.folder / name
        if not self.folder.is_dir():
            where = "name another place: data.folder=DIR, or paths.data_dir=DIR or UNIADS_DATA for all data sets"
            raise MissingFileError(f"there is no folder {self.folder}; {self._expected_layout}, or {where}")
        raise MissingFileError(f"{self.folder} has no folder {' or '.join(names)}; {self._expected_layout}")

    @cached_property
    def _train_files(self) -> Files:
        return self._files(self._part("train"), every_class=True)

    @cached_property
    def _test_files(self) -> Files:
        return self._files(self._part(*self.tests), every_class=False)

    def _files(self, part: Path, every_class: bool) -> Files:
        if len(self.classes) != self.num_classes:
            raise UserError(
                f"{self._part('train')} has {len(self.classes)} classes and data.num_classes is {self.num_classes}; "
                "complete the folder, or set data.num_classes to what it has"
            )
        labels = {name: number for number, name in enumerate(self.classes)}
        found = find_images(part, self.classes, IMG_EXTENSIONS)
        label = torch.tensor([number for _, number in found], dtype=torch.long)
        counts = torch.bincount(label, minlength=len(labels)).tolist()
        empty = [name for name, count in zip(labels, counts, strict=True) if not count] if every_class else []
        if empty or not found:
            raise UserError(
                f"{part} holds no image{f' of {some(empty)}' if empty else ''}; "
                f"images are files that end in {', '.join(IMG_EXTENSIONS)}"
            )
        return Files(tuple(path for path, _ in found), label)

    def read(self, train: bool) -> Images:
        """All images of one part, resized and cut to the middle. For small sets: ``loader`` keeps none in memory."""
        files = self._train_files if train else self._test_files
        pixels = Views(files.path, self.plain, self.seed, epoch=0)[list(range(len(files.path)))]
        if isinstance(pixels, ValueError):
            raise pixels
        return Images(pixels, files.label)

    def label(self, train: bool) -> Int[Tensor, " n"]:
        return (self._train_files if train else self._test_files).label

    def loader(
        self, train: bool, index: Int[Tensor, " k"], batch_size: int, device: torch.device | str, augmented: bool
    ) -> StreamLoader:
        files = self._train_files if train else self._test_files
        transform = self.augmented if augmented else self.plain
        settings = (index, batch_size, self.mean, self.std, device, augmented, self.seed, self.views)
        return StreamLoader(files.path, files.label, transform, self.workers, *settings)


def some(names: Sequence[str]) -> str:
    """The first names of a list."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
