"""Idle genes: what they change in genomes, overrides, analyses and ledgers."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from uniads.search import (
    Account,
    Full,
    Halving,
    Ledger,
    Measure,
    Random,
    SearchSpace,
    Switch,
    Trial,
    fingerprint,
    per_point,
    search,
)
from uniads.search.format_0 import derive_switches
from uniads.search.ledger import read
from uniads.search.space import Value
from uniads.search.trial import trial_seed

DIMENSIONS: dict[str, list[Value]] = {
    "student.width": [1, 2],
    "distiller": ["searched", "at", "kd"],
    "distiller.logits.weight": [0, 1],
    "transform@distiller.logits.transform.first": ["identity", "satt"],
    "distiller.embedding.weight": [1, 2],
}
WIDTH, DISTILLER, WEIGHT, TRANSFORM, OTHER = DIMENSIONS
PUBLISHED = Switch(DISTILLER, ("at", "kd"), (WEIGHT, TRANSFORM, OTHER))
OFF = Switch(WEIGHT, (0,), (TRANSFORM,))
SPACE = SearchSpace(DIMENSIONS, switches=[PUBLISHED, OFF])


def test_a_term_of_weight_0_has_no_other_genes() -> None:
    assert SPACE.optional_genes == {2, 3, 4}
    assert SPACE.effective_genome((0, 0, 0, 0, 1)) == (0, 0, 0, 2, 1)
    assert SPACE.effective_genome((0, 0, 1, 0, 1)) == (0, 0, 1, 0, 1)


def test_a_published_distiller_leaves_the_searched_one_idle() -> None:
    assert SPACE.effective_genome((1, 2, 1, 1, 0)) == (1, 2, 2, 2, 2)


def test_points_that_mean_the_same_are_one_genome() -> None:
    genomes = set(SPACE.every())
    # Published: one for each width and name. Searched: the transform counts only with a weight.
    assert len(genomes) == 2 * 2 + 2 * (1 + 2) * 2
    assert len({SPACE.overrides(genome) for genome in genomes}) == len(genomes)
    assert len({SPACE.effective_genome(genome) for genome in genomes}) == len(genomes)
    assert all(SPACE.repair(genome) == genome for genome in genomes)


def test_overrides_leave_out_idle_genes_unless_told_to_spell_them() -> None:
    assert SPACE.overrides((1, 2, 0, 0, 0)) == ("student.width=2", "distiller=kd")
    assert SPACE.overrides((0, 0, 0, 0, 1), idle=True) == (
        "student.width=1", "distiller=searched", "distiller.logits.weight=0",
        "transform@distiller.logits.transform.first=identity", "distiller.embedding.weight=2",
    )  # fmt: skip


def test_a_switch_whose_gene_is_idle_does_nothing() -> None:
    inner = Switch("b", (1,), ("c",))
    space = SearchSpace({"a": [0, 1], "b": [1, 2], "c": [1, 2]}, switches=[Switch("a", (1,), ("b",)), inner])
    assert space.repair((1, 1, 1)) == (1, 0, 1)
    assert space.repair((0, 0, 1)) == (0, 0, 0)
    assert space.effective_genome((1, 0, 1)) == (1, 2, 1)


def test_a_repair_can_not_wake_an_idle_gene() -> None:
    space = SearchSpace(DIMENSIONS, lambda point: point | {TRANSFORM: "satt"}, switches=[PUBLISHED, OFF])
    assert space.repair((0, 0, 0, 1, 0)) == (0, 0, 0, 0, 0)
    assert space.repair((0, 0, 1, 0, 0)) == (0, 0, 1, 1, 0)


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        ([Switch("lr", (1,), ())], "the switch of 'lr' names 'lr'; this space has the keys"),
        ([Switch(WEIGHT, (0,), ("lr",))], "the switch of 'distiller.logits.weight' names 'lr'"),
        ([Switch(WEIGHT, (7,), (TRANSFORM,))], r"'distiller\.logits\.weight' may be \[0, 1\] in this space, got 7"),
        ([Switch(WEIGHT, (0,), (WEIGHT,))], "which is itself or an earlier switch"),
        ([OFF, PUBLISHED], "makes 'distiller.logits.weight' idle.*list the switch that decides over the other"),
    ],
)
def test_a_switch_that_does_not_fit_is_refused(switches: list[Switch], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SearchSpace(DIMENSIONS, switches=switches)


def write_ledger(file: Path, space: SearchSpace) -> None:
    """Record every candidate of a space."""
    objective = per_point(space, lambda point, epochs: {"val_loss": 1.0})
    measures = [Measure("val_loss")]
    with closing(Ledger(file, fingerprint(space, measures))) as ledger:
        search(space, objective, Random(space), Full(1, 20), measures=measures, candidates=99, ledger=ledger)


def test_the_ledger_says_which_genes_are_idle(tmp_path: Path) -> None:
    """Keys that no rule of names would tell are read back."""
    space = SearchSpace({"a": ["on", "off"], "b": [1, 2]}, switches=[Switch("a", ("off",), ("b",))])
    write_ledger(tmp_path / "ledger.jsonl", space)
    account = Account.of(tmp_path / "ledger.jsonl")
    assert account.space.switches == space.switches
    assert {account.space.effective_genome(trial.genome) for trial in account.result.trials} == {(0, 0), (0, 1), (1, 2)}


def test_a_header_without_switches_means_those_that_its_keys_tell(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    write_ledger(file, SPACE)
    header, *rows = file.read_text().splitlines()
    fields = json.loads(header)
    del fields["fingerprint"]["switches"]
    file.write_text("\n".join([json.dumps(fields), *rows]) + "\n")
    assert Account.of(file).space.switches == (PUBLISHED, OFF)


def test_a_resumed_search_of_format_0_keeps_the_overrides_and_seeds_of_its_rows(tmp_path: Path) -> None:
    """Format 0 spelled idle genes, and a seed is a hash of the overrides."""
    file = tmp_path / "ledger.jsonl"
    measures = [Measure("val_loss")]
    started: list[Trial] = []

    def evaluate(trials: Sequence[Trial]) -> Iterator[Trial]:
        for trial in trials:
            started.append(trial)
            yield trial.completed({"val_loss": 1.0 + sum(trial.genome)})

    def run() -> tuple[Trial, ...]:
        started.clear()
        with closing(Ledger(file, fingerprint(SPACE, measures))) as ledger:
            schedule = Halving([1, 2], [16, 16])
            return search(SPACE, evaluate, Random(SPACE), schedule, measures=measures, ledger=ledger).trials

    run()
    facts, first = read(file)[0], [trial for trial in read(file)[1] if trial.rung == 0]
    spelled = [SPACE.overrides(trial.genome, idle=True) for trial in first]
    old = [replace(trial, overrides=o, seed=trial_seed(o, 0)) for trial, o in zip(first, spelled, strict=True)]
    assert any(trial.seed != before.seed for trial, before in zip(old, first, strict=True))
    del facts["switches"]
    rows = [{"row": "header", "fingerprint": facts}, *({"row": "trial", **trial.row()} for trial in old)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))

    trials = run()
    assert len(started) == len(old)
    assert {trial.rung for trial in started} == {1}
    seeds = {trial.candidate: (trial.overrides, trial.seed) for trial in old}
    assert all((trial.overrides, trial.seed) == seeds[trial.candidate] for trial in trials)


def test_switches_derived_from_keys_say_the_same_as_the_described_ones() -> None:
    derived = SearchSpace(DIMENSIONS, switches=derive_switches(DIMENSIONS))
    genomes = list(product(*(range(len(values)) for values in DIMENSIONS.values())))
    assert len(genomes) == SPACE.size
    assert all(derived.effective_genome(genome) == SPACE.effective_genome(genome) for genome in genomes)
