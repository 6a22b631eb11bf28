"""The worked number in the docstring of every transform and distance is what the class gives."""

import doctest
import importlib
import inspect
import pkgutil
from types import ModuleType

import pytest

import uniads.distance
import uniads.transform
from uniads.distance.base import Distance
from uniads.transform.base import Transform

MODULES = [
    importlib.import_module(found.name)
    for package in (uniads.transform, uniads.distance)
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
]


def own_classes(module: ModuleType) -> list[type]:
    """The transforms and distances that a module defines, without those that are only a base of others."""
    classes = [thing for _, thing in inspect.getmembers(module, inspect.isclass) if thing.__module__ == module.__name__]
    return [each for each in classes if issubclass(each, Transform | Distance) and not inspect.isabstract(each)]


def test_every_class_is_found() -> None:
    assert sum(len(own_classes(module)) for module in MODULES) >= 39


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.removeprefix("uniads."))
def test_the_examples_of_a_module_are_true(module: ModuleType) -> None:
    found = doctest.DocTestFinder(exclude_empty=True).find(module)
    written = {test.name.rpartition(".")[2] for test in found if test.examples}
    assert {each.__name__ for each in own_classes(module)} <= written, "each class has an example"
    failed, attempted = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0
    assert attempted >= 2 * len(own_classes(module))
