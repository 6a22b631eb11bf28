"""What every network of the zoo promises, and the published sizes of the CIFAR-100 networks."""

import copy
import pickle

import pytest
import torch
from omegaconf import OmegaConf

import uniads
from uniads.knowledge import Knowledge
from uniads.model.base import Network, count_params
from uniads.options import conf_dir

CIFAR = ((16, 32), (16, 32), (32, 16), (64, 8))
CIFAR_X4 = ((32, 32), (64, 32), (128, 16), (256, 8))
WRN_2 = ((16, 32), (32, 32), (64, 16), (128, 8))
VGG = ((64, 32), (128, 16), (256, 8), (512, 4), (512, 4))

PUBLISHED = {  # parameters for 100 classes; (channels, height = width) of each tap for a 32x32 image; embedding
    "resnet8": (83_892, CIFAR, 64),
    "resnet14": (181_108, CIFAR, 64),
    "resnet20": (278_324, CIFAR, 64),
    "resnet32": (472_756, CIFAR, 64),
    "resnet44": (667_188, CIFAR, 64),
    "resnet56": (861_620, CIFAR, 64),
    "resnet110": (1_736_564, CIFAR, 64),
    "resnet8x4": (1_233_540, CIFAR_X4, 256),
    "resnet32x4": (7_433_860, CIFAR_X4, 256),
    "wrn_16_1": (180_916, CIFAR, 64),
    "wrn_16_2": (703_284, WRN_2, 128),
    "wrn_40_1": (569_780, CIFAR, 64),
    "wrn_40_2": (2_255_156, WRN_2, 128),
    "vgg8": (3_965_028, VGG, 512),
    "vgg11": (9_277_284, VGG, 512),
    "vgg13": (9_462_180, VGG, 512),
    "vgg16": (14_774_436, VGG, 512),
    "vgg19": (20_086_692, VGG, 512),
    "mobilenetv2": (812_836, ((16, 16), (12, 16), (16, 8), (48, 4), (160, 2)), 1280),
    "shufflenetv1": (949_258, ((24, 32), (240, 16), (480, 8), (960, 4)), 960),
    "shufflenetv2": (1_355_528, ((24, 32), (116, 16), (232, 8), (464, 4)), 1024),
    "resnet50_cifar": (23_705_252, ((64, 32), (256, 32), (512, 16), (1024, 8), (2048, 4)), 2048),
}


def is_complete(name: str) -> bool:
    """Whether the option's file leaves no argument to its user."""
    return not OmegaConf.missing_keys(OmegaConf.load(conf_dir() / "model" / f"{name}.yaml"))


NETWORKS = [name for name in uniads.options("model") if is_complete(name)]


@pytest.fixture(scope="module", params=NETWORKS)
def network(request: pytest.FixtureRequest) -> Network:
    """A network for ten classes of grey images in evaluation mode; no test changes it."""
    return grey(request.param)


def grey(name: str) -> Network:
    torch.manual_seed(0)
    return uniads.build("model", name, num_classes=10, in_channels=1).eval()


def images(n: int, channels: int, size: int) -> torch.Tensor:
    return torch.randn(n, channels, size, size, generator=torch.Generator().manual_seed(1))


def tensors(knowledge: Knowledge) -> list[torch.Tensor]:
    return [*knowledge.features, knowledge.embedding, knowledge.logits]


def classifier(network: Network) -> torch.nn.Linear:
    return [module for module in network.modules() if isinstance(module, torch.nn.Linear)][-1]


def test_the_sweep_finds_all_published_networks():
    assert len(PUBLISHED) == 22
    assert set(PUBLISHED) <= set(NETWORKS)


@pytest.mark.parametrize("published", PUBLISHED, indirect=True)
def test_parameters_are_the_published_number(published):
    name, network = published
    assert count_params(network) == PUBLISHED[name][0]


@pytest.mark.parametrize("published", PUBLISHED, indirect=True)
def test_taps_of_a_cifar_image_have_the_published_shapes(published):
    name, network = published
    _, taps, embedding = PUBLISHED[name]
    with torch.inference_mode():
        knowledge = network(images(1, 3, 32))
    assert [tuple(tap.shape) for tap in knowledge.features] == [(1, c, size, size) for c, size in taps]
    assert knowledge.embedding.shape == (1, embedding)
    assert knowledge.logits.shape == (1, 100)
    assert all(tensor.isfinite().all() for tensor in tensors(knowledge))


@pytest.mark.parametrize("published", PUBLISHED, indirect=True)
def test_published_initial_values(published):
    name, network = published
    for key, module in network.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            assert (module.weight == 1).all(), key
            assert not module.bias.any(), key
        if isinstance(module, torch.nn.Conv2d) and not name.startswith("shuffle") and module.weight.numel() > 1000:
            spread = (2 / (module.kernel_size[0] ** 2 * module.out_channels)) ** 0.5
            assert module.weight.std().item() == pytest.approx(spread, rel=0.15), key
            assert module.bias is None or not module.bias.any(), key
    if name.startswith(("vgg", "mobilenet")):
        assert classifier(network).weight.std().item() == pytest.approx(0.01, rel=0.05)
    if name.startswith(("vgg", "mobilenet", "wrn")):
        assert not classifier(network).bias.any()


def test_small_grey_images_give_finite_knowledge(network):
    with torch.inference_mode():
        knowledge = network(images(3, 1, 8))
    assert isinstance(network, Network)
    assert isinstance(knowledge, Knowledge)
    assert all(tap.ndim == 4 and len(tap) == 3 for tap in knowledge.features)
    assert knowledge.embedding.ndim == 2
    assert len(knowledge.embedding) == 3
    assert knowledge.logits.shape == (3, 10)
    assert all(tensor.isfinite().all() for tensor in tensors(knowledge))


def test_taps_never_grow(network):
    with torch.inference_mode():
        sizes = [tap.shape[2] for tap in network(images(1, 1, 20)).features]
    assert sizes == sorted(sizes, reverse=True)


def test_image_need_not_be_square(network):
    with torch.inference_mode():
        assert network(torch.zeros(1, 1, 9, 14)).logits.shape == (1, 10)


def test_an_image_is_judged_alone_in_evaluation(network):
    with torch.inference_mode():
        alone, together = network(images(3, 1, 8)[:1]), network(images(3, 1, 8))
    for one, all_ in zip(tensors(alone), tensors(together), strict=True):
        assert torch.allclose(one, all_[:1], rtol=1e-3, atol=1e-4 * float(all_.abs().max()))


def test_logits_are_the_classifier_of_the_embedding(network):
    with torch.inference_mode():
        knowledge = network(images(2, 1, 8))
        assert torch.equal(classifier(network)(knowledge.embedding), knowledge.logits)


def test_same_image_gives_same_knowledge_and_is_left_alone(network):
    image = images(2, 1, 8)
    with torch.inference_mode():
        once, twice = network(image), network(image)
    assert all(torch.equal(one, other) for one, other in zip(tensors(once), tensors(twice), strict=True))
    assert torch.equal(image, images(2, 1, 8))


def test_gradient_of_the_logits_reaches_every_parameter(network):
    trained = copy.deepcopy(network).train()
    torch.nn.functional.cross_entropy(trained(images(4, 1, 16)).logits, torch.arange(4)).backward()
    for key, parameter in trained.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
        assert parameter.grad.any(), key
    assert all(parameter.grad is None for parameter in network.parameters()), "a deep copy shares nothing"


def test_gradient_of_every_output_can_be_taken(network):
    """No tap is overwritten by a later in-place operation: autograd would refuse."""
    image = images(2, 1, 8).requires_grad_()
    for tensor in tensors(network(image)):
        (gradient,) = torch.autograd.grad(tensor.square().mean(), image, retain_graph=True)
        assert gradient.isfinite().all()
        assert gradient.any()


def test_pair_of_images_trains_at_the_smallest_size(network):
    trained = copy.deepcopy(network).train()
    assert all(tensor.isfinite().all() for tensor in tensors(trained(images(2, 1, 8))))


def test_pickled_copy_knows_the_same(network):
    twin = pickle.loads(pickle.dumps(network))
    with torch.inference_mode():
        assert torch.equal(network(images(2, 1, 8)).logits, twin(images(2, 1, 8)).logits)


@pytest.mark.slow
@pytest.mark.parametrize("size", [32, 40])
@pytest.mark.parametrize("name", PUBLISHED)
def test_a_training_step_lowers_the_loss_on_its_images(name, size):
    torch.manual_seed(0)
    trained = uniads.build("model", name, num_classes=10).train()
    optimizer = torch.optim.SGD(trained.parameters(), 0.001)
    knowledge = trained(images(8, 3, size))
    assert [tap.shape[1] for tap in knowledge.features] == [channels for channels, _ in PUBLISHED[name][1]]
    assert knowledge.features[0].shape[2] == size * PUBLISHED[name][1][0][1] // 32
    before = torch.nn.functional.cross_entropy(knowledge.logits, torch.arange(8))
    before.backward()
    optimizer.step()
    after = torch.nn.functional.cross_entropy(trained(images(8, 3, size)).logits, torch.arange(8))
    assert after < before


AFTER_RELU = [name for name in PUBLISHED if name.startswith(("resnet", "shuffle", "vgg"))]


@pytest.mark.parametrize("network", AFTER_RELU, indirect=True)
def test_taps_are_taken_after_relu(network):
    with torch.inference_mode():
        for tap in network(images(2, 1, 16)).features:
            assert tap.min() >= 0
            assert tap.max() > 0


@pytest.mark.parametrize("network", [name for name in PUBLISHED if name.startswith("wrn")], indirect=True)
def test_wide_resnet_taps_are_raw(network):
    with torch.inference_mode():
        knowledge = network(images(2, 1, 16))
    assert all(0.2 < (tap < 0).float().mean() < 0.8 for tap in knowledge.features)
    assert knowledge.embedding.min() >= 0


@pytest.mark.parametrize("network", ["mobilenetv2"], indirect=True)
def test_mobilenet_taps_are_linear_but_for_the_stem(network):
    with torch.inference_mode():
        stem, *linear = network(images(2, 1, 32)).features
    assert stem.min() >= 0
    assert len(linear) == 4
    assert all(tap.min() < 0 for tap in linear)


@pytest.mark.parametrize("network", ["vgg8"], indirect=True)
@pytest.mark.parametrize(
    ("size", "taps"),
    [(64, [64, 32, 16, 8, 4]), (32, [32, 16, 8, 4, 4]), (28, [28, 14, 7, 7, 7]), (8, [8, 4, 4, 4, 4])],
)
def test_vgg_pools_only_while_the_map_stays_large_enough(network, size, taps):
    with torch.inference_mode():
        assert [tap.shape[2] for tap in network(images(1, 1, size)).features] == taps


def test_seed_decides_the_first_weights():
    one, other = grey("wrn_16_1"), grey("wrn_16_1")
    assert all(torch.equal(tensor, other.state_dict()[key]) for key, tensor in one.state_dict().items())


def test_parameters_can_be_counted_without_memory():
    with torch.device("meta"):
        assert count_params(uniads.build("model", "resnet8", num_classes=100)) == PUBLISHED["resnet8"][0]
