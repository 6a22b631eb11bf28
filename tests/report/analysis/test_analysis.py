"""What a report computes from a search."""

import random
from dataclasses import replace

import numpy as np
import optuna
import pytest
from optuna.importance import MeanDecreaseImpurityImportanceEvaluator

from uniads.export.optuna import build_study
from uniads.report.analysis.first_rung import rank_first_rung
from uniads.report.analysis.frequency import count_values
from uniads.report.analysis.guidance import FALSE_DISCOVERY_RATE, compare_values, write_guidance
from uniads.report.analysis.importance import MAX_DEPTH, measure_importances
from uniads.report.analysis.shrinkage import build_shrinkage_sheet, find_weighted_genes
from uniads.report.search.convergence import trace_convergence
from uniads.report.search.rung_total import build_rung_total_sheet
from uniads.search import Status
from uniads.search.account import Account

WIDTH, TRANSFORM, DISTANCE, WEIGHT, TAU = 1, 2, 3, 4, 5
DROP, DIVERGES = 2, 3


def shuffled(account: Account) -> Account:
    """The search with the first rung's losses dealt out anew."""
    first = account.result.at(0)
    values = [trial.values for trial in first]
    random.Random(0).shuffle(values)
    dealt = [replace(trial, values=value) for trial, value in zip(first, values, strict=True)]
    return replace(account, result=replace(account.result, trials=tuple(dealt)))


def test_every_candidate_is_counted_once_a_gene(account: Account) -> None:
    found = count_values(account)
    off = {t.candidate for t in account.result.trials if t.genome[WEIGHT] == 0}
    assert off
    for gene in range(len(account.space.dimensions)):
        mine = [tally for tally in found if tally.gene == gene]
        idle = off if gene in (TRANSFORM, DISTANCE, TAU) else set()
        promoted = {t.candidate for t in account.result.trials if t.rung > 0} - idle
        assert sum(tally.tried for tally in mine) == account.result.candidates - len(idle)
        assert sum(tally.front for tally in mine) == sum(t.candidate not in idle for t in account.result.front)
        assert sum(tally.promoted for tally in mine) == len(promoted)
    diverged = next(tally for tally in found if (tally.gene, tally.value) == (WEIGHT, DIVERGES))
    assert diverged.tried == diverged.rejected > 0
    assert diverged.promoted == diverged.front == 0


def test_rejected_candidates_stand_last_and_level(account: Account) -> None:
    trials, ranks = rank_first_rung(account)
    rejected = np.array([trial.status is Status.REJECTED for trial in trials])
    assert len(trials) == 80
    assert len(set(ranks[rejected])) == 1
    assert ranks[rejected].min() > ranks[~rejected].max()
    assert ranks.min() == pytest.approx(0, abs=0.02)
    assert ranks.mean() == pytest.approx(0.5)


def test_importance_is_optunas_mean_decrease_of_impurity(account: Account) -> None:
    # Optuna leaves rejected trials out, so that none may be there; it has one column less where nothing is off.
    whole = replace(account, result=replace(account.result, trials=tuple(account.result.at(0))))
    trials, ranks = rank_first_rung(whole)
    evaluator = MeanDecreaseImpurityImportanceEvaluator(n_trees=200, max_depth=MAX_DEPTH, seed=0)
    theirs = optuna.importance.get_param_importances(
        build_study(whole, 0), evaluator=evaluator, target=lambda trial: float(ranks[trial.number])
    )
    ours = {
        whole.space.dimensions[one.gene].key: one.share for one in measure_importances(whole, resamples=1, trees=200)
    }
    assert len(trials) > 40
    assert ours.keys() == theirs.keys()
    for key, share in theirs.items():
        assert ours[key] == pytest.approx(share, abs=0.03)


def test_what_decides_the_loss_is_important_and_chance_is_not(account: Account) -> None:
    found = measure_importances(account, resamples=10)
    assert sum(one.share for one in found) == pytest.approx(1)
    above = {one.gene for one in found if one.stands_out}
    assert above >= {WIDTH, TRANSFORM, WEIGHT}
    assert not above & {DISTANCE, TAU}, "these do next to nothing"
    assert found[0].low <= found[0].share
    assert sum(one.stands_out for one in measure_importances(shuffled(account), resamples=10)) <= 2
    assert measure_importances(account, resamples=2) == measure_importances(account, resamples=2)


def test_few_candidates_have_no_importance(account: Account) -> None:
    few = replace(account, result=replace(account.result, trials=account.result.trials[:5]))
    assert measure_importances(few) == []
    assert any("too few" in sentence for sentence in write_guidance(few, [], count_values(few)))


def test_guidance_finds_what_was_planted_and_nothing_in_noise(account: Account) -> None:
    found = {difference.name: difference for difference in compare_values(account)}
    planted = found["logits transform drop"]
    trials, ranks = rank_first_rung(account)
    has = np.array([trial.genome[TRANSFORM] == DROP for trial in trials])
    assert not any(trial.genome[TRANSFORM] == DROP and trial.genome[WEIGHT] == 0 for trial in trials)
    assert planted.q <= FALSE_DISCOVERY_RATE
    assert (planted.n, planted.other_n) == (has.sum(), (~has).sum())
    assert (planted.rank, planted.other_rank) == (np.median(ranks[has]), np.median(ranks[~has]))
    text = " ".join(write_guidance(account, measure_importances(account, resamples=5), count_values(account)))
    assert "Rank worse" in text
    assert "logits weight 100" in text
    assert "× val_loss is nan" in text
    noise = shuffled(account)
    assert all(difference.q > FALSE_DISCOVERY_RATE for difference in compare_values(noise))
    assert any("No value stands apart" in sentence for sentence in write_guidance(noise, [], count_values(noise)))


def test_curves_end_where_the_search_ended(account: Account) -> None:
    found = trace_convergence(account.result)
    assert found[-1].hypervolume == account.result.hypervolume
    assert found[-1].best == min(trial.values[0] for trial in account.result.front)
    assert len(found) == len(account.result.at(1))
    assert [step.hypervolume for step in found] == sorted(step.hypervolume for step in found)
    assert [step.epochs for step in found] == sorted(step.epochs for step in found)
    assert found[-1].epochs <= account.result.epochs_spent


def test_cost_adds_up(account: Account) -> None:
    *rungs, total = build_rung_total_sheet(account).rows
    assert total[1] == len(account.result.trials) == sum(int(row[1] or 0) for row in rungs)
    assert total[5] == account.result.epochs_spent


def test_genes_that_are_spared_have_no_history(account: Account) -> None:
    assert find_weighted_genes(account) == [2, 3, 4, 5]
    sheet = build_shrinkage_sheet(account)
    assert len(sheet.columns) == 2 + len(account.result.weights)
    assert len(sheet.rows) == 3 + 3 + 4 + 3
