"""Any classifier as a teacher or a fixed student, without touching its code: what its taps show, as Knowledge.

torchvision's and timm's classifiers are the options ``torchvision`` and ``timm`` of the group ``model``. A network of
your own needs one file, say ``conf/model/mine.yaml``::

    _target_: uniads.model.taps.Tapped
    network:
      _target_: my.Net
      _partial_: true               # called with num_classes and in_channels; without this line it is used as it is
      depth: 20
    features: [stem, stage1, stage2]
    embedding: pool
    logits: null                    # what the network returns

or as much of it on the command line. A name is a module's path, which stands for its last operation, or the name of an
operation, as ``torchvision.models.feature_extraction.get_graph_node_names(network)`` lists them. Without names the
taps are chosen from the graph: the last map of each resolution, the last layer's input, the output.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor, fx, nn

from uniads.error import UnknownNameError, UserError, did_you_mean
from uniads.knowledge import Knowledge
from uniads.model.base import Network
from uniads.model.graph import UNTRACEABLE, Graph, drop_constants, grid

SHAPES = re.compile(r"\b(shapes?|size of tensor|channels|kernel size)\b", re.IGNORECASE)
"""What torch says of an image that does not fit, and not of a device that fails."""

INNER = "network."
"""What stands before the network's keys inside of ``Tapped``; its state dict has them without."""


@final
class Tapped(Network):
    """A classifier seen through named taps, with the keys of its own state dict.

    The embedding is what its tap gives, of a map the mean over its pixels. A feature is a map (N, C, H, W); tokens
    (N, L, C) become one if L, or L - 1 after a class token, is a square. Activations that the network applies in place
    are applied out of place, since they could overwrite a tap.

    A network that torch.fx can't follow can be tapped at modules, where features and embedding are named.

    Args:
        network: gives logits (N, num_classes); a module, or a function of num_classes and in_channels that makes one.
        features: names of the feature maps, from the stem to the last stage; None: the last of each resolution.
        embedding: name of the classifier's input; None: the input of the last layer with weights.
        logits: name of the class scores; None: the network's output.
        nhwc: whether maps have their channels last.
        image_size: height and width of the image that the network is tried on, where its taps are chosen.
        weights: where the network's own weights are from; None if it is untrained. A teacher with such weights is not
            trained.
        num_classes: number of classes.
        in_channels: channels of the image.
        opaque: classes of modules, and functions, that torch.fx must not look into.

    Raises:
        UserError: a name is not in the network, or the taps can't be chosen.
    """

    def __init__(
        self,
        network: nn.Module | Callable[..., nn.Module],
        features: Sequence[str] | None = None,
        embedding: str | None = None,
        logits: str | None = None,
        nhwc: bool = False,
        image_size: int = 224,
        weights: str | None = None,
        num_classes: int = 100,
        in_channels: int = 3,
        opaque: Sequence[Any] = (),
    ) -> None:
        super().__init__()
        if not isinstance(network, nn.Module):
            network = network(num_classes=num_classes, in_channels=in_channels)
        for module in network.modules():
            if getattr(module, "inplace", False) is True:
                module.inplace = False  # type: ignore[assignment]
        self.nhwc, self.weights, self.num_classes = nhwc, weights, num_classes
        self.network, self.opaque, self.embedding, self.logits = network, opaque, embedding, logits
        self.headless = False
        graphs = self._graphs(features)
        if graphs and features is None:
            features = _choose_features(graphs[False], image_size, in_channels, nhwc)
        self.features = list(features or ())
        self._compile(graphs)
        self.register_state_dict_post_hook(_without_inner)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_with_inner)  # type: ignore[no-untyped-call]

    def _graphs(self, features: Sequence[str] | None) -> dict[bool, Graph]:
        """The network's graph in training and in evaluation; none if torch.fx can't follow it."""
        drop_constants(self.network)
        try:
            return {training: Graph(self.network, training, self.opaque) for training in (True, False)}
        except UNTRACEABLE as error:
            if features is None or self.embedding is None:
                known = [path for path, _ in self.network.named_modules() if path]
                raise UserError(
                    f"torch.fx can't follow {type(self.network).__name__} ({_first_line(error)}), so its taps can't be "
                    f"chosen; name modules of it as features and embedding, such as {', '.join(known[-3:])}"
                ) from None
            return {}

    def _compile(self, graphs: dict[bool, Graph]) -> None:
        """Prepare the forward passes up to the taps; without graphs, check that the taps are modules."""
        taps = {training: self._list_operations(graph) for training, graph in graphs.items()}
        if not graphs:
            _check_modules(self.network, [*self.features, self.embedding, self.logits])
        self._passes = {training: graphs[training].up_to(nodes) for training, nodes in taps.items()}

    def _list_operations(self, graph: Graph) -> list[fx.Node]:
        """What the network is run up to."""
        if self.headless:
            return [_find_operation(graph, name) for name in self.features]
        return _operations(graph, self.features, self.embedding, self.logits)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or a pickle takes along: compiled code is left out and made again."""
        return {name: value for name, value in self.__dict__.items() if name != "_passes"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._compile(self._graphs(self.features))

    def forward(self, image: Float[Tensor, "n c h w"]) -> Knowledge:
        *features, embedding, logits = self._try(image)
        if not isinstance(logits, Tensor) or logits.ndim != 2 or logits.shape[1] != self.num_classes:
            got = f"shape {tuple(logits.shape)}" if isinstance(logits, Tensor) else f"type {type(logits).__name__}"
            raise UserError(
                f"the network's logits are of {got}, allowed: (N, {self.num_classes}) for the data's classes; "
                "build it for them, or name its class scores: logits=NAME"
            )
        return Knowledge(self._as_maps(features), _as_vector(embedding, self.embedding, self.nhwc), logits)

    def maps(self, image: Float[Tensor, "n c h w"]) -> tuple[Tensor, ...]:
        return self._as_maps(self._try(image)[: len(self.features)])

    def drop_head(self) -> None:
        """Run the network no further than to its features, and no longer train or count what comes after them.

        The weights stay where they are, since its code is not touched. A network that torch.fx can't follow is run as
        before.
        """
        graphs = self._graphs(self.features)
        if not graphs:
            return
        self.headless = True
        self._compile(graphs)
        used = {target for graph in graphs.values() for target in graph.targets()}
        for path, parameter in self.network.named_parameters():
            if not any(f"{path}.".startswith(f"{target}.") for target in used):
                parameter.requires_grad_(False)

    def _as_maps(self, features: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return tuple(_as_map(value, name, self.nhwc) for value, name in zip(features, self.features, strict=True))

    def _try(self, image: Tensor) -> Sequence[Any]:
        """What the taps show of a batch.

        Raises:
            UserError: the network refuses its size.
        """
        try:
            return self._run(image)
        except (AssertionError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and not SHAPES.search(str(error)):
                raise
            raise UserError(
                f"the network refuses images of {'x'.join(map(str, image.shape[1:]))} ({_first_line(error)}); build it "
                "for the data's, such as with image_size (torchvision) or img_size (timm), or choose data that fit"
            ) from None

    def _run(self, image: Tensor) -> Sequence[Any]:
        """What the taps show of a batch: features, embedding, logits; without a head the features alone."""
        if self._passes:
            return self._passes[self.network.training](self.network, image)
        paths = [*self.features, str(self.embedding), self.logits or ""]
        values = _run_with_hooks(self.network, paths, image)
        return [values[path] for path in paths]


def _as_map(value: Tensor, name: str, nhwc: bool) -> Tensor:
    """A tap as a map (N, C, H, W)."""
    if value.ndim == 4:
        return value.permute(0, 3, 1, 2) if nhwc else value
    side = grid(value.shape[1]) if value.ndim == 3 else None
    if side is None:
        raise UserError(
            f"the feature {name!r} is of shape {tuple(value.shape)}, allowed: maps (N, C, H, W), or tokens (N, L, C) "
            "with a square L or L - 1; name another in features"
        )
    return value[:, -side * side :].transpose(1, 2).reshape(len(value), -1, side, side)


def _as_vector(value: Tensor, name: str | None, nhwc: bool) -> Tensor:
    """A tap as a vector (N, D)."""
    if value.ndim == 4:
        return value.mean((1, 2) if nhwc else (2, 3))
    if value.ndim != 2:
        raise UserError(
            f"the embedding {name or ''} is of shape {tuple(value.shape)}, allowed: (N, D), or a map; name another"
        )
    return value


def _choose_features(graph: Graph, image_size: int, in_channels: int, nhwc: bool) -> list[str]:
    """The features of a network that is tried on two blank images."""
    name = type(graph.network).__name__
    device = next((parameter.device for parameter in graph.network.parameters()), torch.device("cpu"))
    try:
        features = graph.features(torch.zeros(2, in_channels, image_size, image_size, device=device), nhwc)
    except UNTRACEABLE as error:
        raise UserError(
            f"{name} can't be tried on images of {in_channels}x{image_size}x{image_size} ({_first_line(error)}); "
            "give the image_size that it is made for, or name its features"
        ) from None
    if not features:
        raise UserError(f"{name} has no square maps that all of its output depends on; name its features")
    return features


def _operations(graph: Graph, features: Sequence[str], embedding: str | None, logits: str | None) -> list[fx.Node]:
    """Features, embedding and logits in a graph."""
    last = _find_operation(graph, logits) if logits else graph.logits()
    if last is None:
        raise UserError(
            f"{type(graph.network).__name__} returns several values; name its class scores: logits=NAME, "
            f"such as {[*graph.names.values()][-1]}"
        )
    before = _find_operation(graph, embedding) if embedding else graph.embedding(last)
    if before is None:
        raise UserError(f"{type(graph.network).__name__} has no layer before its logits; name its embedding")
    return [*(_find_operation(graph, name) for name in features), before, last]


def _find_operation(graph: Graph, name: str) -> fx.Node:
    node = graph.last(name)
    if node is None:
        raise _unknown(name, [*graph.names.values()], type(graph.network).__name__)
    return node


def _unknown(name: str, known: Sequence[str], network: str) -> UnknownNameError:
    hint = did_you_mean(name, known) or f"The last ones are {', '.join(known[-3:])}."
    return UnknownNameError(f"{network} has no module or operation {name!r}. {hint}")


def _check_modules(network: nn.Module, paths: Sequence[str | None]) -> None:
    """Refuse names that are no module's."""
    known = [path for path, _ in network.named_modules() if path]
    for path in paths:
        if path is not None and path not in known:
            raise _unknown(path, known, type(network).__name__)


def _run_with_hooks(network: nn.Module, paths: Sequence[str], image: Tensor) -> dict[str, Any]:
    """What modules return while the network runs; the path of the network itself is empty."""
    values: dict[str, Any] = {}
    hooks = [
        network.get_submodule(path).register_forward_hook(lambda _, __, value, path=path: values.update({path: value}))
        for path in dict.fromkeys(paths)
    ]
    try:
        network(image)
    finally:
        for hook in hooks:
            hook.remove()
    return values


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _without_inner(module: nn.Module, state: dict[str, Any], prefix: str, metadata: dict[str, Any]) -> None:
    """Give a state dict the keys of the network's own."""
    for key in [key for key in state if key.startswith(prefix + INNER)]:
        state[prefix + key.removeprefix(prefix + INNER)] = state.pop(key)


def _with_inner(module: nn.Module, state: dict[str, Any], prefix: str, *rest: Any) -> None:
    """Undo ``_without_inner`` before loading."""
    for key in [key for key in state if key.startswith(prefix)]:
        state[prefix + INNER + key.removeprefix(prefix)] = state.pop(key)
