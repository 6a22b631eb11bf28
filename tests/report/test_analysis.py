"""What a report computes from a search."""

import random
from dataclasses import replace

import numpy as np
import optuna
import pytest
from optuna.importance import MeanDecreaseImpurityImportanceEvaluator

from uniads.report.curve import steps
from uniads.report.frequency import tallies
from uniads.report.guidance import DISCOVERY, differences, guidance
from uniads.report.importance import DEPTH, importances
from uniads.report.optuna import study
from uniads.report.shrinkage import moved, shrinkage_sheet
from uniads.report.spent import spent_sheet
from uniads.report.standing import standing
from uniads.search import Status
from uniads.search.record import Record

WIDTH, TRANSFORM, DISTANCE, WEIGHT, TAU = 1, 2, 3, 4, 5
DROP, DIVERGES = 2, 3


def shuffled(record: Record) -> Record:
    """The search with the first rung's losses dealt out anew."""
    first = record.result.at(0)
    values = [trial.values for trial in first]
    random.Random(0).shuffle(values)
    dealt = [replace(trial, values=value) for trial, value in zip(first, values, strict=True)]
    return replace(record, result=replace(record.result, trials=tuple(dealt)))


def test_every_candidate_is_counted_once_a_gene(record: Record) -> None:
    found = tallies(record)
    for gene in range(len(record.space.dimensions)):
        mine = [tally for tally in found if tally.gene == gene]
        assert sum(tally.tried for tally in mine) == record.result.candidates
        assert sum(tally.front for tally in mine) == len(record.result.front)
        assert sum(tally.promoted for tally in mine) == len({t.candidate for t in record.result.trials if t.rung > 0})
    diverged = next(tally for tally in found if (tally.gene, tally.value) == (WEIGHT, DIVERGES))
    assert diverged.tried == diverged.rejected > 0
    assert diverged.promoted == diverged.front == 0


def test_rejected_candidates_stand_last_and_level(record: Record) -> None:
    trials, ranks = standing(record)
    rejected = np.array([trial.status is Status.REJECTED for trial in trials])
    assert len(trials) == 80
    assert len(set(ranks[rejected])) == 1
    assert ranks[rejected].min() > ranks[~rejected].max()
    assert ranks.min() == pytest.approx(0, abs=0.02)
    assert ranks.mean() == pytest.approx(0.5)


def test_importance_is_optunas_mean_decrease_of_impurity(record: Record) -> None:
    # Optuna leaves rejected trials out, so that none may be there; it has one column less where nothing is off.
    whole = replace(record, result=replace(record.result, trials=tuple(record.result.at(0))))
    trials, ranks = standing(whole)
    evaluator = MeanDecreaseImpurityImportanceEvaluator(n_trees=200, max_depth=DEPTH, seed=0)
    theirs = optuna.importance.get_param_importances(
        study(whole, 0), evaluator=evaluator, target=lambda trial: float(ranks[trial.number])
    )
    ours = {whole.space.dimensions[one.gene].key: one.share for one in importances(whole, resamples=1, trees=200)}
    assert len(trials) > 40
    assert ours.keys() == theirs.keys()
    for key, share in theirs.items():
        assert ours[key] == pytest.approx(share, abs=0.03)


def test_what_decides_the_loss_is_important_and_chance_is_not(record: Record) -> None:
    found = importances(record, resamples=10)
    assert sum(one.share for one in found) == pytest.approx(1)
    above = {one.gene for one in found if one.stands_out}
    assert above >= {WIDTH, TRANSFORM, WEIGHT}
    assert not above & {DISTANCE, TAU}, "these do next to nothing"
    assert found[0].low <= found[0].share
    assert sum(one.stands_out for one in importances(shuffled(record), resamples=10)) <= 2
    assert importances(record, resamples=2) == importances(record, resamples=2)


def test_few_candidates_have_no_importance(record: Record) -> None:
    few = replace(record, result=replace(record.result, trials=record.result.trials[:5]))
    assert importances(few) == []
    assert any("too few" in sentence for sentence in guidance(few, [], tallies(few)))


def test_guidance_finds_what_was_planted_and_nothing_in_noise(record: Record) -> None:
    found = {difference.name: difference for difference in differences(record)}
    planted = found["logits transform drop"]
    trials, ranks = standing(record)
    has = np.array([trial.genome[TRANSFORM] == DROP for trial in trials])
    assert planted.q <= DISCOVERY
    assert (planted.n, planted.others) == (has.sum(), (~has).sum())
    assert (planted.mine, planted.rest) == (np.median(ranks[has]), np.median(ranks[~has]))
    text = " ".join(guidance(record, importances(record, resamples=5), tallies(record)))
    assert "Rank worse" in text
    assert "logits weight 100" in text
    assert "× val_loss is nan" in text
    noise = shuffled(record)
    assert all(difference.q > DISCOVERY for difference in differences(noise))
    assert any("No value stands apart" in sentence for sentence in guidance(noise, [], tallies(noise)))


def test_curves_end_where_the_search_ended(record: Record) -> None:
    found = steps(record.result)
    assert found[-1].hypervolume == record.result.hypervolume
    assert found[-1].best == min(trial.values[0] for trial in record.result.front)
    assert len(found) == len(record.result.at(1))
    assert [step.hypervolume for step in found] == sorted(step.hypervolume for step in found)
    assert [step.epochs for step in found] == sorted(step.epochs for step in found)
    assert found[-1].epochs <= record.result.epochs


def test_cost_adds_up(record: Record) -> None:
    *rungs, total = spent_sheet(record).rows
    assert total[1] == len(record.result.trials) == sum(int(row[1] or 0) for row in rungs)
    assert total[5] == record.result.epochs


def test_genes_that_are_spared_have_no_history(record: Record) -> None:
    assert moved(record) == [2, 3, 4, 5]
    sheet = shrinkage_sheet(record)
    assert len(sheet.columns) == 2 + len(record.result.weights)
    assert len(sheet.rows) == 3 + 3 + 4 + 3
