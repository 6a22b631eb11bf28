"""What every network promises."""

from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor
from torch.nn import functional as F

from uniads.error import UserError
from uniads.knowledge import Knowledge
from uniads.model.base import Network, count_params
from uniads.model.head import head_of
from uniads.testing.promise import judge, require

Make = Callable[[int, int], Network]

CLASSES, CHANNELS = 10, 1
"""What the networks are made for that are judged here."""


def check_network(make: Make, size: int = 32) -> None:
    """Check all promises of a network.

    Args:
        make: makes one, such as ``lambda num_classes, in_channels: MyNetwork(num_classes, in_channels)``.
        size: height and width, in pixels, of the images that it is shown.

    Raises:
        AssertionError: a promise is broken; the message says which.
    """
    judge(PROMISES, make, size)


def draw_images(n: int, channels: int, size: int) -> Tensor:
    """Normal values, always the same for one shape."""
    return torch.randn(n, channels, size, size, generator=torch.Generator().manual_seed(1))


def list_tensors(knowledge: Knowledge) -> list[Tensor]:
    """Feature maps, embedding and logits."""
    return [*knowledge.features, knowledge.embedding, knowledge.logits]


def shows_its_knowledge(make: Make, size: int) -> None:
    """It returns Knowledge: maps (N, C, H, W), an embedding (N, D) and logits (N, classes), all finite."""
    network = make(CLASSES, CHANNELS).eval()
    name = type(network).__name__
    require(isinstance(network, Network), f"{name} must be a uniads.model.base.Network")
    for n in (1, 3):
        knowledge = _ask(network, draw_images(n, CHANNELS, size))
        require(isinstance(knowledge, Knowledge), f"{name} must return Knowledge, got {type(knowledge).__name__}")
        shapes = [tuple(tap.shape) for tap in knowledge.features]
        maps = bool(shapes) and all(len(shape) == 4 and shape[0] == n for shape in shapes)
        require(maps, f"the feature maps of {name} must be of shape ({n}, C, H, W), got {shapes}")
        got = tuple(knowledge.embedding.shape)
        require(len(got) == 2 and got[0] == n, f"the embedding of {name} must be of shape ({n}, D), got {got}")
        got = tuple(knowledge.logits.shape)
        require(got == (n, CLASSES), f"the logits of {name} must be of shape ({n}, {CLASSES}), got {got}")
        finite = all(tensor.isfinite().all() for tensor in list_tensors(knowledge))
        require(finite, f"the knowledge of {name} must be finite")


def takes_classes_and_channels(make: Make, size: int) -> None:
    """It is made for any number of classes and of channels."""
    network = make(7, 3).eval()
    got = tuple(_ask(network, draw_images(2, 3, size)).logits.shape)
    sentence = f"{type(network).__name__} made for 7 classes and 3 channels must give logits of shape (2, 7), got {got}"
    require(got == (2, 7), sentence)


def has_taps_that_never_grow(make: Make, size: int) -> None:
    """The feature maps are in the order of the network: none is larger than the one before."""
    network = make(CLASSES, CHANNELS).eval()
    sizes = [tap.shape[2] for tap in _ask(network, draw_images(1, CHANNELS, size)).features]
    falling = sizes == sorted(sizes, reverse=True)
    require(
        falling, f"the feature maps of {type(network).__name__} must not grow from stem to end, got heights {sizes}"
    )


def judges_an_image_alone(make: Make, size: int) -> None:
    """In evaluation an image's knowledge does not depend on the other images of its batch."""
    network = make(CLASSES, CHANNELS).eval()
    images = draw_images(3, CHANNELS, size)
    for one, every in zip(*map(list_tensors, (_ask(network, images[:1]), _ask(network, images))), strict=True):
        close = torch.allclose(one, every[:1], rtol=1e-3, atol=1e-4 * float(every.abs().max()))
        require(close, f"{type(network).__name__} must judge an image alone in evaluation")


def has_logits_of_its_embedding(make: Make, size: int) -> None:
    """A linear layer of the network makes the logits out of the embedding."""
    network = make(CLASSES, CHANNELS).eval()
    knowledge = _ask(network, draw_images(2, CHANNELS, size))
    try:
        head = head_of(network, knowledge, "network")
    except UserError as error:
        raise AssertionError(
            f"the embedding of {type(network).__name__} must be the input of the linear layer that makes its logits: "
            f"{error}"
        ) from error
    same = torch.allclose(head(knowledge.embedding), knowledge.logits, rtol=1e-6, atol=1e-6)
    require(same, f"the logits of {type(network).__name__} must be what its classifier makes of the embedding")


def is_unchanged_by_evaluation(make: Make, size: int) -> None:
    """In evaluation two calls agree, and neither the image nor the network's state changes."""
    network = make(CLASSES, CHANNELS).eval()
    name = type(network).__name__
    image = draw_images(2, CHANNELS, size)
    before = deepcopy(network.state_dict())
    once, twice = _ask(network, image), _ask(network, image)
    pairs = zip(list_tensors(once), list_tensors(twice), strict=True)
    require(all(torch.equal(one, other) for one, other in pairs), f"{name} must give the same twice in evaluation")
    require(torch.equal(image, draw_images(2, CHANNELS, size)), f"{name} must leave its image as it is")
    after = network.state_dict()
    same = before.keys() == after.keys() and all(torch.equal(before[key], after[key]) for key in before)
    require(same, f"the state_dict of {name} must not change in evaluation")


def trains_in_every_parameter(make: Make, size: int) -> None:
    """The gradient of the logits reaches every parameter."""
    network = make(CLASSES, CHANNELS)
    name = type(network).__name__
    trained = deepcopy(network).train()
    require(count_params(trained) > 0, f"{name} must have parameters to train")
    loss = F.cross_entropy(trained(draw_images(4, CHANNELS, size)).logits, torch.arange(4))
    loss.backward()  # type: ignore[no-untyped-call]
    for key, parameter in trained.named_parameters():
        gradient = parameter.grad
        reached = gradient is not None and gradient.isfinite().all() and gradient.any()
        require(reached, f"a finite gradient of the logits of {name} must reach its parameter {key}")
    shared = any(parameter.grad is not None for parameter in network.parameters())
    require(not shared, f"a deep copy of {name} must share no parameter with it")


def trains_on_two_images(make: Make, size: int) -> None:
    """In training a batch of two images gives finite knowledge."""
    trained = deepcopy(make(CLASSES, CHANNELS)).train()
    finite = all(tensor.isfinite().all() for tensor in list_tensors(trained(draw_images(2, CHANNELS, size))))
    require(finite, f"the knowledge of {type(trained).__name__} must be finite in training, for two images, too")


def has_a_gradient_of_every_output(make: Make, size: int) -> None:
    """The gradient of every map, of the embedding and of the logits can be taken: none is overwritten later."""
    network = make(CLASSES, CHANNELS).eval()
    image = draw_images(2, CHANNELS, size).requires_grad_()
    for position, tensor in enumerate(list_tensors(network(image))):
        (gradient,) = torch.autograd.grad(tensor.square().mean(), image, retain_graph=True)
        sentence = f"output {position} of {type(network).__name__} must have a finite gradient that is not 0"
        require(gradient.isfinite().all() and gradient.any(), sentence)


def has_a_copy_that_knows_the_same(make: Make, size: int) -> None:
    """A deep copy, and a network that loads its state, know the same."""
    network = make(CLASSES, CHANNELS).eval()
    image = draw_images(2, CHANNELS, size)
    fresh = make(CLASSES, CHANNELS).eval()
    fresh.load_state_dict(network.state_dict())
    for twin, how in ((deepcopy(network), "a deep copy of it"), (fresh, "another that loads its state")):
        same = torch.equal(_ask(twin, image).logits, _ask(network, image).logits)
        require(same, f"{type(network).__name__} and {how} must know the same")


def has_a_tail_or_says_so(make: Make, size: int) -> None:
    """``tail()`` makes the logits out of the map before the last with the network's own modules, or is refused."""
    network = make(CLASSES, CHANNELS).eval()
    name = type(network).__name__
    try:
        tail = network.tail()
    except UserError:
        return
    knowledge = _ask(network, draw_images(2, CHANNELS, size))
    with torch.no_grad():
        logits = tail.eval()(knowledge.features[-2])
    right = torch.allclose(logits, knowledge.logits, rtol=1e-4, atol=1e-5)
    require(right, f"the tail of {name} must make its logits out of the map before the last")
    own = {id(parameter) for parameter in tail.parameters()} <= {id(parameter) for parameter in network.parameters()}
    require(own, f"the tail of {name} must be made of the network's own modules")


PROMISES: tuple[Callable[[Make, int], None], ...] = (
    shows_its_knowledge,
    takes_classes_and_channels,
    has_taps_that_never_grow,
    judges_an_image_alone,
    has_logits_of_its_embedding,
    is_unchanged_by_evaluation,
    trains_in_every_parameter,
    trains_on_two_images,
    has_a_gradient_of_every_output,
    has_a_copy_that_knows_the_same,
    has_a_tail_or_says_so,
)
"""Each takes a function that makes a network and a size of image, and raises an AssertionError where it is broken."""


@torch.no_grad()
def _ask(network: Network, image: Tensor) -> Knowledge:
    knowledge: Knowledge = network(image)
    return knowledge
