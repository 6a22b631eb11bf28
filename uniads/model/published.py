"""What the published teachers reach."""

CIFAR100 = {
    "wrn_40_2": 0.7561,
    "resnet56": 0.7234,
    "resnet110": 0.7431,
    "resnet32x4": 0.7942,
    "vgg13": 0.7464,
    "resnet50_cifar": 0.7934,
}
"""Option of the group ``model`` to top-1 accuracy on the test set of CIFAR-100, 0 to 1.

Source: the CRD benchmark, Tian et al., arXiv:1910.10699, tables 1 and 2.
"""

IMAGENET = {"resnet18": 0.6976, "resnet34": 0.7331, "resnet50": 0.7613}
"""Option of the group ``model`` to top-1 accuracy on the validation images of ImageNet-1k, 0 to 1.

Source: torchvision's table of its first weights, IMAGENET1K_V1, https://docs.pytorch.org/vision/stable/models.html.
"""

PUBLISHED = {"cifar100": CIFAR100, "imagenet": IMAGENET}
"""Option of the group ``data`` to what is published for it."""
