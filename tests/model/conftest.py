"""The published networks, each built once for all files of this folder."""

import pytest
import torch

import uniads
from uniads.model.base import Network


@pytest.fixture(scope="session")
def published(request: pytest.FixtureRequest) -> tuple[str, Network]:
    """A network for CIFAR-100 in evaluation mode, with the name by which it was asked for; no test changes it."""
    torch.manual_seed(0)
    return request.param, uniads.build("model", request.param, num_classes=100).eval()
