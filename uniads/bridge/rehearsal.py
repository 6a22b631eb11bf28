"""Tries every value of a space, without data: what no candidate can be trained with is found before anything is."""

from collections.abc import Mapping, Sequence

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from uniads.bridge.dressing import KEY
from uniads.bridge.launch import Launch
from uniads.bridge.training_settings import training_settings
from uniads.error import UserError
from uniads.schema.check import check, show_value
from uniads.search import Genome, SearchSpace
from uniads.training.rehearsal import rehearse_candidate

ERRORS = (UserError, HydraException, OmegaConfBaseException)


def rehearse_space(space: SearchSpace, launch: Launch, start: Sequence[Genome], shape: Mapping[str, int]) -> None:
    """Compose and make candidates that have every value of the space between them, as its jobs will.

    Candidate k has the k-th value of every gene, so that there are as many as values of the longest gene. Genes that
    leave others without effect are shifted, each by another number, so that not all weights are 0 at once. A published
    distiller has no nodes to try values of; ``start`` has each of them. A legal candidate may lack a transform that its
    chain has no place for; transforms and distances are made when the space is.

    Args:
        space: what is searched.
        launch: composes the jobs.
        start: the candidates that the search begins with.
        shape: ``num_classes`` and ``in_channels``.

    Raises:
        UserError: a value can't be trained with; the message names it and its key.
    """
    tried = [position in space.free_positions and d.key != KEY for position, d in enumerate(space.dimensions)]
    levels = [len(d.values) if own else 1 for own, d in zip(tried, space.dimensions, strict=True)]
    switching = [switch.key for switch in space.switches]
    shifts = [switching.index(d.key) + 1 if d.key in switching else 0 for d in space.dimensions]
    for turn in range(max(levels)):
        genes = [(turn + shift) % n if shift else min(turn, n - 1) for n, shift in zip(levels, shifts, strict=True)]
        genome = space.repair(tuple(genes))
        try:
            _try(space, launch, genome, shape)
        except ERRORS as error:
            raise _find_fault(space, launch, genome, shape, error) from error
    for genome in start:
        _try(space, launch, genome, shape, idle=False)


def _try(space: SearchSpace, launch: Launch, genome: Genome, shape: Mapping[str, int], idle: bool = True) -> None:
    """Make a candidate, with its idle genes too, so that their keys and values are tried."""
    cfg = launch.compose(genome, space.overrides(genome, idle))
    check("train", cfg)
    rehearse_candidate(training_settings(cfg), shape)


def _find_fault(
    space: SearchSpace, launch: Launch, genome: Genome, shape: Mapping[str, int], error: Exception
) -> UserError:
    """Which of a candidate's values is at fault: the one without which it can be made, those that are named first."""
    said = " ".join(str(error).split())
    named = {
        position: (d.key in said) + (d.key.rpartition(".")[2] in said) + (str(d.values[genome[position]]) in said)
        for position, d in enumerate(space.dimensions)
    }
    for position in sorted(named, key=lambda each: -named[each]):
        dimension = space.dimensions[position]
        for other in range(len(dimension.values)):
            changed = (*genome[:position], other, *genome[position + 1 :])
            if other != genome[position] and _can_be_made(space, launch, changed, shape):
                value = dimension.values[genome[position]]
                return UserError(f"the space's value {show_value(value)} of {dimension.key} can't be used: {said}")
    return UserError(f"a value of the space can't be used: {said}")


def _can_be_made(space: SearchSpace, launch: Launch, genome: Genome, shape: Mapping[str, int]) -> bool:
    try:
        _try(space, launch, space.repair(genome), shape)
    except ERRORS:
        return False
    return True
