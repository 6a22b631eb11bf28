"""What every network of the zoo promises, and the published sizes of the CIFAR-100 networks."""

import pickle

import pytest
import torch
from omegaconf import OmegaConf

import uniads
from uniads.model.base import Network, count_params
from uniads.options import conf_dir
from uniads.testing.network import (
    PROMISES,
    draw_images,
    has_taps_that_never_grow,
    list_tensors,
    takes_classes_and_channels,
    trains_in_every_parameter,
)

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


AT_SIZE_8 = [promise for promise in PROMISES if promise not in (takes_classes_and_channels, trains_in_every_parameter)]


def name_of(promise) -> str:
    return promise.__name__


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
        knowledge = network(draw_images(1, 3, 32))
    assert [tuple(tap.shape) for tap in knowledge.features] == [(1, c, size, size) for c, size in taps]
    assert knowledge.embedding.shape == (1, embedding)
    assert knowledge.logits.shape == (1, 100)
    assert all(tensor.isfinite().all() for tensor in list_tensors(knowledge))


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


@pytest.mark.parametrize("promise", AT_SIZE_8, ids=name_of)
def test_a_network_keeps_its_promises_on_the_smallest_images(network, promise):
    promise(lambda num_classes, in_channels: network, 8)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_takes_any_number_of_classes_and_channels(name):
    takes_classes_and_channels(
        lambda *shape: uniads.build("model", name, num_classes=shape[0], in_channels=shape[1]), 8
    )


def test_there_are_as_many_promises_as_ever():
    assert len(PROMISES) == 11
    assert len(AT_SIZE_8) == 9


def test_taps_never_grow(network):
    has_taps_that_never_grow(lambda num_classes, in_channels: network, 20)


def test_gradient_of_the_logits_reaches_every_parameter(network):
    trains_in_every_parameter(lambda num_classes, in_channels: network, 16)


def test_image_need_not_be_square(network):
    with torch.inference_mode():
        assert network(torch.zeros(1, 1, 9, 14)).logits.shape == (1, 10)


def test_logits_are_the_classifier_of_the_embedding(network):
    with torch.inference_mode():
        knowledge = network(draw_images(2, 1, 8))
        assert torch.equal(classifier(network)(knowledge.embedding), knowledge.logits)


def test_pickled_copy_knows_the_same(network):
    twin = pickle.loads(pickle.dumps(network))
    with torch.inference_mode():
        assert torch.equal(network(draw_images(2, 1, 8)).logits, twin(draw_images(2, 1, 8)).logits)


@pytest.mark.slow
@pytest.mark.parametrize("size", [32, 40])
@pytest.mark.parametrize("name", PUBLISHED)
def test_a_training_step_lowers_the_loss_on_its_images(name, size):
    torch.manual_seed(0)
    trained = uniads.build("model", name, num_classes=10).train()
    optimizer = torch.optim.SGD(trained.parameters(), 0.001)
    knowledge = trained(draw_images(8, 3, size))
    assert [tap.shape[1] for tap in knowledge.features] == [channels for channels, _ in PUBLISHED[name][1]]
    assert knowledge.features[0].shape[2] == size * PUBLISHED[name][1][0][1] // 32
    before = torch.nn.functional.cross_entropy(knowledge.logits, torch.arange(8))
    before.backward()
    optimizer.step()
    after = torch.nn.functional.cross_entropy(trained(draw_images(8, 3, size)).logits, torch.arange(8))
    assert after < before


AFTER_RELU = [name for name in PUBLISHED if name.startswith(("resnet", "shuffle", "vgg"))]


@pytest.mark.parametrize("network", AFTER_RELU, indirect=True)
def test_taps_are_taken_after_relu(network):
    with torch.inference_mode():
        for tap in network(draw_images(2, 1, 16)).features:
            assert tap.min() >= 0
            assert tap.max() > 0


@pytest.mark.parametrize("network", [name for name in PUBLISHED if name.startswith("wrn")], indirect=True)
def test_wide_resnet_taps_are_raw(network):
    with torch.inference_mode():
        knowledge = network(draw_images(2, 1, 16))
    assert all(0.2 < (tap < 0).float().mean() < 0.8 for tap in knowledge.features)
    assert knowledge.embedding.min() >= 0


@pytest.mark.parametrize("network", ["mobilenetv2"], indirect=True)
def test_mobilenet_taps_are_linear_but_for_the_stem(network):
    with torch.inference_mode():
        stem, *linear = network(draw_images(2, 1, 32)).features
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
        assert [tap.shape[2] for tap in network(draw_images(1, 1, size)).features] == taps


def test_seed_decides_the_first_weights():
    one, other = grey("wrn_16_1"), grey("wrn_16_1")
    assert all(torch.equal(tensor, other.state_dict()[key]) for key, tensor in one.state_dict().items())


def test_parameters_can_be_counted_without_memory():
    with torch.device("meta"):
        assert count_params(uniads.build("model", "resnet8", num_classes=100)) == PUBLISHED["resnet8"][0]
