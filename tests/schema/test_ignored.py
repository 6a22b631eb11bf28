"""A search refuses settings that nothing reads, instead of ignoring them."""

import pytest

from tests.schema.test_check import whole
from uniads.error import UserError
from uniads.schema.ignored import check_ignored, check_search_command


def said(*overrides: str) -> str:
    """What is said of a search's command line; empty where it is allowed."""
    try:
        check_search_command(whole("search", *overrides), overrides)
    except UserError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("option", "idle", "read"),
    [
        ("search=random", "search.population=5", "search.offspring, search.schedule.epochs"),
        ("search=random", "search.rungs=[1,2]", "search.offspring, search.schedule.epochs"),
        ("search=nsga2", "search.quotas=[4,2]", "search.population, search.offspring, search.crossover"),
        ("search=tpe", "search.population=5", "search.offspring, search.rungs, search.quotas"),
        ("search=hyperband", "search.offspring=5", "search.schedule.epochs, search.schedule.eta"),
        ("search=regularized_evolution", "search.mutation=0.5", "search.algorithm.population"),
    ],
)  # fmt: skip
def test_a_setting_that_the_chosen_parts_do_not_read_is_refused(option: str, idle: str, read: str) -> None:
    sentence = said(option, idle)
    assert sentence.startswith(f"{idle.partition('=')[0]} does nothing here: neither ")
    assert read in sentence


@pytest.mark.parametrize(
    "overrides",
    [
        ("search=random", "search.candidates=5", "search.offspring=5"),  # fewer than a population that it has not
        ("search=paper", "search.rungs=[1,2]", "search.quotas=[4,2]", "search.population=4"),
        ("search=tpe", "search.rungs=[1,2]", "search.quotas=[4,2]"),
        ("search=paper", "search.rungs=[1,2]", "search.quotas=[4,2]", "search.offspring=4", "search.population=4"),
        ("search=random", "schedule@search.schedule=halving", "search.rungs=[1,2]", "search.quotas=[4,2]"),
    ],
)
def test_what_is_read_is_allowed(overrides: tuple[str, ...]) -> None:
    assert not said(*overrides)


def test_the_size_of_a_generation_is_not_said_in_two_ways() -> None:
    assert said("search.quotas=[12,9,7]", "search.offspring=5").startswith("search.offspring does nothing here")


def test_a_population_is_at_most_the_search() -> None:
    assert "search.population=9 is larger than search.candidates=4" in said("search=tiny", "search.population=9")


@pytest.mark.parametrize("override", ["test=false", "trial=true"])
def test_what_a_search_sets_itself_is_refused(override: str) -> None:
    assert said(override).startswith(f"{override.partition('=')[0]} does nothing here")


def test_a_players_own_settings_are_judged_likewise() -> None:
    search = whole("search", "search=random").search
    with pytest.raises(UserError, match=r"search\.quotas does nothing here: neither Random nor Full reads it"):
        check_ignored(search, ["search.quotas"])
