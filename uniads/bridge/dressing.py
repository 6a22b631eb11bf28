"""What the distillers of a search make of its students, as far as that changes their size."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from uniads.distiller.base import Distiller
from uniads.error import UserError
from uniads.knowledge import Knowledge
from uniads.model.base import Network, knowledge_of
from uniads.search.space import Point, Value
from uniads.settings.blueprint import Blueprint, replace_value

KEY = "distiller"
Part = tuple[tuple[str, Value], ...]


@dataclass(frozen=True)
class Dressing:
    """The distillers that a point may choose, and what dressing a student takes beside it.

    Attributes:
        base: option of the distiller that a point has which names none.
        own: that distiller.
        distillers: composes another one, by its option; asked once for each.
        teacher: who teaches, the last assistant where there are any; None where no teacher is chosen.
        image: shape of an image, (channels, height, width).
    """

    base: str
    own: Blueprint[Distiller]
    distillers: Callable[[str], Blueprint[Distiller]]
    teacher: Blueprint[Network] | None
    image: Sequence[int]
    _teachers: list[Network] = field(default_factory=list, init=False, repr=False)
    _dressing: dict[str, Blueprint[Distiller] | None] = field(default_factory=dict, init=False, repr=False)

    def part(self, point: Point) -> Part:
        """What a point says of the distiller, if that one dresses its students; else nothing."""
        name = str(point.get(KEY, self.base))
        if self._find(name) is None:
            return ()
        own = [item for item in point.items() if name == self.base and item[0].startswith(f"{KEY}.")]
        return ((KEY, name), *own)

    def dress(self, student: Network, part: Part, shape: Mapping[str, int]) -> Network:
        """The network that is trained in the student's place. Nothing is drawn: all of it is on the device ``meta``.

        Args:
            student: on that device; may become part of what is returned.
            part: what a point says of the distiller.
            shape: ``num_classes`` and ``in_channels``.

        Raises:
            UserError: there is no teacher, or the student can't be dressed.
        """
        if not part:
            return student
        (_, name), *values = part
        model = self._find(str(name))
        assert model is not None
        if self.teacher is None:
            raise UserError(
                f"distiller={name} needs a teacher, and none is chosen; add +pair=... or +model@teacher.model"
            )
        facts = deepcopy(dict(model.facts))
        for key, value in values:
            replace_value(facts, key.split(".")[1:], value, KEY)
        with torch.device("meta"):
            image = torch.zeros(2, *self.image)
            self._teachers.extend([] if self._teachers else [_Asked(self.teacher(**shape), image)])
            dressed = replace(model, facts=facts)().dress(student, self._teachers[0], image)
        assert isinstance(dressed, Network)
        return dressed

    def _find(self, name: str) -> Blueprint[Distiller] | None:
        """A distiller; None where it leaves students as they are."""
        if name not in self._dressing:
            model = self.own if name == self.base else self.distillers(name)
            self._dressing[name] = model if model().dresses else None
        return self._dressing[name]


class _Asked(Network):
    """A teacher that is asked once, for on the device ``meta`` it says the same of all images of one shape.

    Args:
        network: on that device.
        image: likewise.
    """

    def __init__(self, network: Network, image: Tensor) -> None:
        super().__init__()
        self.network, self.known = network, knowledge_of(network, image)

    def forward(self, image: Float[Tensor, "n c h w"]) -> Knowledge:
        return self.known

    def neck(self) -> nn.Module:
        return self.network.neck()
