"""The search: ask for genomes, train them rung by rung, tell the algorithm, until the budget is spent."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite

from uniads.error import UserError
from uniads.search import pareto
from uniads.search.algorithm.base import Algorithm
from uniads.search.confirm import merge_repeats
from uniads.search.ledger import Ledger
from uniads.search.objective import Measure, Objective
from uniads.search.rejection import Rejection
from uniads.search.schedule import Schedule
from uniads.search.shrink import Shrinkage
from uniads.search.space import Genome, SearchSpace, Weights
from uniads.search.trial import Status, Trial, trial_seed

INTERRUPTED = "interrupted"


class Watcher:
    """Observes a search while it runs. Override the methods that you need."""

    def start(self, generation: int, rung: int, trials: Sequence[Trial]) -> None:
        """A batch is about to be evaluated. Trials that the ledger already holds are not in it."""

    def finish(self, generation: int, rung: int, trials: Sequence[Trial], result: "Result") -> None:
        """A generation has ended a rung.

        Args:
            generation: number of the generation.
            rung: position of the rung.
            trials: the generation's ended trials of this rung.
            result: all trials so far.
        """


@dataclass(frozen=True)
class Result:
    """The trials of a search, and what follows from them.

    Attributes:
        trials: all ended trials, in the ledger's order.
        measures: what was minimised.
        top: position of the highest rung.
        stopped: why the search ended.
        weights: sampling weights after each generation.
    """

    trials: tuple[Trial, ...]
    measures: tuple[Measure, ...]
    top: int
    stopped: str = ""
    weights: tuple[Weights, ...] = ()

    @property
    def first(self) -> list[Trial]:
        """The trials of first trainings: all but those that were trained again in the end."""
        return [trial for trial in self.trials if not trial.repeats]

    def at(self, rung: int) -> list[Trial]:
        """Completed trials of a rung, one a candidate; see ``merge_repeats`` for those that were trained twice."""
        return merge_repeats([trial for trial in self.trials if trial.rung == rung])

    @property
    def front(self) -> list[Trial]:
        """The Pareto front of the highest rung, sorted by the first measure."""
        return pareto.front(self.at(self.top))

    @property
    def knee(self) -> Trial | None:
        """The trial of the front that is the best compromise; None if the front is empty."""
        return pareto.knee(self.at(self.top))

    @property
    def best(self) -> Trial | None:
        """The trial of the front with the lowest first measure among those within every target.

        If no trial is within every target, it is the one that exceeds the targets least: by the smallest sum of
        max(number / target - 1, 0) over the measures with a target.
        """
        return min(self.front, key=self._preference, default=None)

    def contenders(self, count: int) -> list[Trial]:
        """The candidates of the highest rung that would be chosen first, by their first trainings alone."""
        completed = [trial for trial in self.first if trial.rung == self.top and trial.status is Status.COMPLETED]
        return sorted(completed, key=lambda trial: (self._preference(trial), trial.genome))[:count]

    def _preference(self, trial: Trial) -> tuple[float, tuple[float, ...]]:
        over = (m.number(trial.outcome) / m.target - 1 for m in self.measures if m.target is not None)
        return sum(max(value, 0.0) for value in over), trial.values

    @property
    def hypervolume(self) -> float:
        """Volume that the front dominates, bounded by the measures' references."""
        return pareto.hypervolume([trial.values for trial in self.front], tuple(m.reference for m in self.measures))

    @property
    def epochs_spent(self) -> float:
        """Epochs trained in all trials together, each epoch counted once."""
        return sum(trial.epochs_spent for trial in self.trials)

    @property
    def candidates(self) -> int:
        """Candidates that were evaluated."""
        return len({trial.candidate for trial in self.first})


@dataclass
class _State:
    space: SearchSpace
    objective: Objective
    schedule: Schedule
    measures: tuple[Measure, ...]
    ledger: Ledger
    rejection: Rejection | None
    seed: int
    watcher: Watcher
    max_epochs: float | None
    trials: list[Trial] = field(default_factory=list)
    weights: list[Weights] = field(default_factory=list)
    named: int = 0
    """Candidates that have a name so far."""

    def count_affordable(self, epochs: int) -> int | None:
        """How many trials of so many epochs each are left in the budget; None for any number."""
        if self.max_epochs is None:
            return None
        return max(0, int((self.max_epochs - self.result().epochs_spent) // epochs))

    def result(self, stopped: str = "") -> Result:
        top = len(self.schedule.rungs) - 1
        return Result(tuple(self.trials), self.measures, top, stopped, tuple(self.weights))


def search(
    space: SearchSpace,
    objective: Objective,
    algorithm: Algorithm,
    schedule: Schedule,
    *,
    measures: Sequence[Measure],
    candidates: int = 200,
    max_epochs: float | None = None,
    max_seconds: float | None = None,
    max_failures: float = 0.5,
    confirm: int = 0,
    rejection: Rejection | None = None,
    shrinkage: Shrinkage | None = None,
    ledger: Ledger | None = None,
    seed: int = 0,
    watcher: Watcher | None = None,
) -> Result:
    """Search a space with an algorithm under a schedule. Needs neither torch nor Hydra.

    The result depends only on the arguments and on the objective's answers. Trials that the ledger already holds are
    not evaluated again, so the same call with the same ledger continues a search that was stopped.

    Args:
        space: where to search.
        objective: evaluates batches of trials; see ``per_point`` for plain functions and tables.
        algorithm: proposes candidates; a new one for every call, since it remembers its proposals.
        schedule: rungs of each generation.
        measures: what to minimise, the loss first.
        candidates: stop after so many.
        max_epochs: spend no more. Where a batch would, only its first trials are evaluated, the best of the rung below.
        max_seconds: start no generation once the trials took so long, in seconds of trial time.
        max_failures: stop when more than this share of a generation's candidates failed, 0 to 1.
        confirm: so many candidates of the highest rung, those that would be chosen first, are trained to it again at
            the end, from the beginning and with other weights. The mean of both counts. 0 or 1 for none.
        rejection: rejects outliers; None keeps every finite value.
        shrinkage: lowers the weights of poor values; None keeps them equal.
        ledger: where trials are recorded; None keeps them in memory.
        seed: decides the seeds of the candidates' weights.
        watcher: observes the search.

    Returns:
        All trials, the front and the reason for stopping. Ctrl-C ends the search early and returns what is recorded.

    Raises:
        UserError: there is no measure, or fewer than one candidate is allowed, or the objective answers another trial
            than it was given.
    """
    if candidates < 1 or not measures:
        raise UserError(f"a search needs at least one candidate and one measure, got {candidates} and {len(measures)}")
    record, observer = ledger or Ledger(), watcher or Watcher()
    state = _State(space, objective, schedule, tuple(measures), record, rejection, seed, observer, max_epochs)
    try:
        stopped = _run(state, algorithm, candidates, max_seconds, max_failures, shrinkage)
        _confirm(state, confirm)
        return state.result(stopped)
    except KeyboardInterrupt:
        return state.result(INTERRUPTED)


def _run(
    state: _State,
    algorithm: Algorithm,
    candidates: int,
    max_seconds: float | None,
    max_failures: float,
    shrinkage: Shrinkage | None,
) -> str:
    generation = 0
    while state.named < candidates:
        rungs = state.schedule.generation(generation)
        if state.count_affordable(next(rung.epochs for rung in rungs if rung.quota)) == 0:
            spent = state.result().epochs_spent
            return f"{spent:g} of search.max_epochs={state.max_epochs:g} epochs are spent, too many for another trial"
        if max_seconds is not None and sum(trial.seconds for trial in state.trials) >= max_seconds:
            return f"{max_seconds:g} seconds of trial time are spent, those of jobs side by side added up"
        # Ask for a whole generation even if fewer candidates are left: a resumed search may allow more candidates, and
        # must then be given the same genomes.
        genomes = algorithm.ask(
            generation, state.schedule.size(generation), state.weights[-1] if state.weights else None
        )
        genomes = genomes[: candidates - state.named]
        if not genomes:
            return "the space holds no more candidates"
        ended = _run_generation(state, algorithm, generation, genomes)
        algorithm.tell(ended)
        failed = [trial for trial in ended if trial.status is Status.FAILED]
        if len(failed) > max_failures * len(ended):
            return f"{len(failed)} of {len(ended)} candidates of generation {generation} failed: {failed[0].reason}"
        if shrinkage:
            weights = shrinkage.weights(state.space, state.trials)
            state.ledger.append_weights(generation, weights)
            state.weights.append(weights)
        generation += 1
    return f"{candidates} candidates are done"


def _confirm(state: _State, count: int) -> None:
    """Train the first contenders again. What was chosen by chance is chosen from, not compared with earlier trials."""
    result = state.result()
    contenders = result.contenders(count)
    if len(contenders) < 2:
        return
    again = [trial.again(state.seed) for trial in contenders][: state.count_affordable(contenders[0].epochs)]
    # A resumed search may have other contenders than before; what is known of those stays known.
    slots = {trial.slot for trial in again}
    known = [trial for trial in state.ledger.trials if trial.repeats and trial.slot not in slots]
    state.trials += known
    if again:
        ended = list(_run_rung(state, again[0].generation, result.top, again))
        state.watcher.finish(again[0].generation, result.top, ended, state.result())


def _run_generation(state: _State, algorithm: Algorithm, generation: int, genomes: Sequence[Genome]) -> list[Trial]:
    """Train new candidates rung by rung. Returns the last trial of each."""
    climbing = []
    for genome in genomes:
        overrides = state.space.overrides(genome)
        seed = trial_seed(overrides, state.seed)
        climbing.append(Trial(f"c{state.named:04d}", genome, overrides, generation, 0, 0, seed))
        state.named += 1
    last: dict[str, Trial] = {}
    start = 0
    completed: Sequence[Trial] = ()
    for position, rung in enumerate(state.schedule.generation(generation)):
        affordable = state.count_affordable(rung.epochs - start)
        if last:
            quota = rung.quota if affordable is None else min(rung.quota, affordable)
            kept = {trial.candidate for trial in pareto.best(completed, quota)}
            # A resumed candidate keeps the overrides and the seed of its record: older versions spelled idle genes too.
            climbing = [
                replace(trial, overrides=last[trial.candidate].overrides, seed=last[trial.candidate].seed)
                for trial in climbing
                if trial.candidate in kept
            ]
        if not climbing:
            break
        if rung.quota:
            batch = [replace(trial, rung=position, epochs=rung.epochs, start=start) for trial in climbing][:affordable]
            start = rung.epochs
            ended = list(_run_rung(state, generation, position, batch))
            last |= {trial.candidate: trial for trial in ended}
            algorithm.observe(ended)
            state.watcher.finish(generation, position, ended, state.result())
            completed = [trial for trial in ended if trial.status is Status.COMPLETED]
    return list(last.values())


def _run_rung(state: _State, generation: int, position: int, batch: Sequence[Trial]) -> Iterator[Trial]:
    """Evaluate a batch, judge each trial by the trials that had ended before the batch, and record it."""
    earlier = [] if batch[0].repeats else [trial.values[0] for trial in state.result().at(position)]
    fresh = [trial for trial in batch if state.ledger.find(trial) is None]
    if fresh:
        state.watcher.start(generation, position, fresh)
    answers = iter(state.objective(fresh))
    for trial in batch:
        ended = state.ledger.find(trial)
        if ended is None:
            ended = _judge(state, _next_answer(answers, trial), earlier)
            state.ledger.append(ended)
        state.trials.append(ended)
        yield ended


def _next_answer(answers: Iterator[Trial], trial: Trial) -> Trial:
    """The objective's answer to the trial that it must answer next.

    Raises:
        UserError: the objective has no more answers, or answers another trial, or yields a trial that has not ended.
    """
    answer = next(answers, None)
    if answer and answer.status is not Status.PENDING and answer.slot == trial.slot:
        return answer
    got = f"{answer.slot}, {answer.status.value}" if answer else "no more"
    raise UserError(f"the objective must yield {trial.slot} next, completed, rejected or failed; it gave {got}")


def _judge(state: _State, trial: Trial, earlier: Sequence[float]) -> Trial:
    """Give a completed trial its values, or reject it. Only finite numbers are recorded."""
    numbers = trial.outcome
    outcome = {name: number for name, number in numbers.items() if isfinite(number)}
    trial = replace(trial, outcome=outcome, flops=trial.flops if isfinite(trial.flops) else 0.0)
    if trial.status is not Status.COMPLETED:
        return trial
    at_end = {"epochs": trial.epochs} | outcome  # a rejected trial without "epochs" would count as not trained
    try:
        values = tuple(measure(numbers) for measure in state.measures)
    except ValueError as error:
        return trial.rejected(str(error), at_end, trial.seconds)
    reason = state.rejection.reason(values[0], earlier) if state.rejection else ""
    return trial.rejected(reason, at_end, trial.seconds) if reason else replace(trial, values=values)
