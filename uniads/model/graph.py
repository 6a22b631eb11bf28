"""Where a network can be tapped: its operations as a graph, read by torch.fx."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from inspect import isclass
from math import isqrt
from typing import Any

import torch
import torchvision
from torch import Tensor, fx, nn
from torchvision.models.feature_extraction import NodePathTracer

UNTRACEABLE = (RuntimeError, TypeError, ValueError, AttributeError, LookupError, AssertionError, NotImplementedError)
"""What torch.fx raises on code that it can't follow; ``TraceError`` is a ``ValueError``."""

RESIZING = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
"""Their maps have a size of their own, whatever the image's."""


def tracer_arguments(opaque: Iterable[Any]) -> dict[str, Any]:
    """Arguments of a tracer that looks neither into torchvision's operators nor into these classes and functions."""
    things = [*vars(torchvision.ops).values(), *opaque]
    return {
        "leaf_modules": [thing for thing in things if isclass(thing) and issubclass(thing, nn.Module)],
        "autowrap_functions": tuple(thing for thing in opaque if not isclass(thing)),
        "autowrap_modules": (math, torchvision.ops),
    }


class Graph:
    """The operations of a network in one mode, each with a name: the path of the module that runs it, then its own.

    Args:
        network: left in the mode that it was in.
        training: which mode.
        opaque: classes of modules, and functions, that are one operation each.

    Raises:
        Exception: one of ``UNTRACEABLE``, if the network's code can't be followed.
    """

    def __init__(self, network: nn.Module, training: bool, opaque: Sequence[Any] = ()) -> None:
        tracer = NodePathTracer(**tracer_arguments(opaque))
        with mode(network, training):
            self.graph = tracer.trace(network)
        keep_constants(network)
        self.network = network
        self.names: dict[fx.Node, str] = {
            node: name for node, name in tracer.node_to_qualname.items() if node.op not in ("placeholder", "output")
        }

    def last(self, part: str) -> fx.Node | None:
        """The last operation of the module of this path, or the operation of this name; None if there is neither."""
        under = [node for node, name in self.names.items() if f"{name}.".startswith(f"{part}.")]
        return under[-1] if under else None

    def logits(self) -> fx.Node | None:
        """The network's output; None if that is no single value."""
        value = self._output().args[0]
        return value if isinstance(value, fx.Node) else None

    def embedding(self, logits: fx.Node) -> fx.Node | None:
        """What the last layer with weights before the logits gets; None if there is none."""
        node = logits
        while not self._has_weights(node):
            if not node.all_input_nodes:
                return None
            node = node.all_input_nodes[0]
        return node.all_input_nodes[0]

    def up_to(self, nodes: Sequence[fx.Node]) -> Callable[[nn.Module, Tensor], tuple[Any, ...]]:
        """A function of the network and an image that returns what these operations give, and computes no more.

        Functions that would change their input in place return something new instead. The graph is used up by this.
        """
        for node in self.graph.nodes:
            if node.kwargs.get("inplace") is True:
                node.update_kwarg("inplace", False)
        self.graph.erase_node(self._output())
        self.graph.output(tuple(nodes))
        module = fx.GraphModule(self.network, self.graph)
        module.graph.eliminate_dead_code()
        module.recompile()
        # Not the module but its compiled code is used, on the network itself: so weights and buffers exist once,
        # and moving, copying or saving the network is nobody else's business.
        forward: Callable[[nn.Module, Tensor], tuple[Any, ...]] = type(module).forward
        return forward

    def targets(self) -> set[str]:
        """Paths of the modules, parameters and buffers that the graph runs or reads."""
        return {str(node.target) for node in self.graph.nodes if node.op in ("call_module", "get_attr")}

    def _output(self) -> fx.Node:
        (output,) = (node for node in self.graph.nodes if node.op == "output")
        assert isinstance(output, fx.Node)
        return output

    def features(self, image: Tensor, nhwc: bool) -> list[str]:
        """Names of the maps to tap: of each resolution the last one that ends a part of the network.

        Eligible are only the operations that everything later depends on, so nothing inside of a residual block. Where
        the part that lowers the resolution begins with operations at the old one, they belong to the new one. A network
        of one resolution is tapped at its first map, too.

        Args:
            image: a square batch, two images or more, that the network is tried on.
            nhwc: whether maps have their channels last.
        """
        with mode(self.network, False), torch.no_grad():
            # The graph runs the network's own modules.
            shapes = Shapes(fx.GraphModule(self.network, self.graph), image).of
        widths = {module.normalized_shape[-1] for module in self.network.modules() if isinstance(module, nn.LayerNorm)}
        waists = self._waists(shapes)
        sides: list[int] = []
        for node in waists:
            shape = None if self._is(node, RESIZING) else shapes[node]
            side = map_side(shape, nhwc, widths) if shape and shape[0] == len(image) else 0
            sides.append(side if side <= min(filter(None, sides), default=side) else 0)
        names = [self.names[node] for node in waists]
        chosen = [last_of(side, names, sides) for side in dict.fromkeys(filter(None, sides))]
        if len(chosen) == 1:
            chosen = list(dict.fromkeys([next(position for position, side in enumerate(sides) if side), *chosen]))
        return [self._shortest(waists[position]) for position in chosen]

    def _waists(self, shapes: Mapping[fx.Node, torch.Size | None]) -> list[fx.Node]:
        """The operations that everything later depends on, in their order."""
        live = [node for node in shapes if node in self.names and node.op != "get_attr"]
        position = {node: index for index, node in enumerate(live)}
        waists, needed_until = [], 0
        for here, node in enumerate(live):
            if needed_until <= here:
                waists.append(node)
            needed_until = max([needed_until, *(position[user] for user in node.users if user in position)])
        return waists

    def _has_weights(self, node: fx.Node) -> bool:
        return self._is(node, nn.Module) and any(
            True for _ in self.network.get_submodule(str(node.target)).parameters()
        )

    def _is(self, node: fx.Node, kinds: type | tuple[type, ...]) -> bool:
        return node.op == "call_module" and isinstance(self.network.get_submodule(str(node.target)), kinds)

    def _shortest(self, node: fx.Node) -> str:
        """The path of the largest module that ends with this operation, or the operation's name."""
        parts = self.names[node].split(".")
        paths = (".".join(parts[:length]) for length in range(1, len(parts) + 1))
        return next(path for path in paths if self.last(path) is node)


class Shapes(fx.Interpreter):
    """Runs a graph and notes what it computes.

    Attributes:
        of: the shape of each tensor; None for several tensors at once.
    """

    def __init__(self, module: fx.GraphModule, image: Tensor) -> None:
        super().__init__(module)
        self.of: dict[fx.Node, torch.Size | None] = {}
        self.run(image)

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if isinstance(value, Tensor):
            self.of[n] = value.shape
        elif isinstance(value, list | tuple) and any(isinstance(item, Tensor) for item in value):
            self.of[n] = None
        return value


CONSTANT = "_tensor_constant"
"""How torch.fx begins the name of an attribute in which it leaves a tensor that is made while it traces a network."""


def keep_constants(network: nn.Module) -> None:
    """Make torch.fx's constants buffers, so that they move with the network; they get into no state dict."""
    for name in [name for name in vars(network) if name.startswith(CONSTANT)]:
        value = getattr(network, name)
        delattr(network, name)
        network.register_buffer(name, value, persistent=False)


def drop_constants(network: nn.Module) -> None:
    """Remove the constants of earlier graphs of a network, which is to be traced anew."""
    for name in [name for name, _ in network.named_buffers(recurse=False) if name.startswith(CONSTANT)]:
        delattr(network, name)


@contextmanager
def mode(network: nn.Module, training: bool) -> Iterator[None]:
    """The network in training or evaluation mode for a while."""
    was = network.training
    network.train(training)
    try:
        yield
    finally:
        network.train(was)


def last_of(side: int, names: Sequence[str], sides: Sequence[int]) -> int:
    """The position of the operation after which a resolution ends.

    The next resolution begins with the largest module, or the operation, that gives its first map, and no map of a
    third resolution.

    Args:
        side: of the resolution's maps.
        names: of operations, one after the other.
        sides: of their maps, never growing; 0 for what is no map.
    """
    last = max(position for position, other in enumerate(sides) if other == side)
    follow = next((position for position in range(last + 1, len(sides)) if sides[position]), last + 1)
    if follow == len(sides):
        return last
    parts = names[follow].split(".")
    for length in range(1, len(parts)):
        inside = [i for i, name in enumerate(names) if name.split(".")[:length] == parts[:length]]
        before = [i for i in range(inside[0]) if sides[i] == side]
        if before and {sides[i] for i in inside} <= {0, side, sides[follow]}:
            return before[-1]
    return last


def map_side(shape: Sequence[int], nhwc: bool, widths: set[int]) -> int:
    """The height of a square map of more than one pixel, or of tokens that form one; 0 of anything else.

    Args:
        shape: of a batch.
        nhwc: whether maps have their channels last.
        widths: channels that tokens may have.
    """
    height, width = 0, 0
    if len(shape) == 4:
        height, width = shape[1:3] if nhwc else shape[2:]
    elif len(shape) == 3 and shape[2] in widths:
        height = width = grid(shape[1]) or 0
    return height if height == width > 1 else 0


def grid(tokens: int) -> int | None:
    """The side of the square that tokens form, alone or without a class token before them; None if they form none."""
    return next((isqrt(n) for n in (tokens, tokens - 1) if n > 0 and isqrt(n) ** 2 == n), None)
