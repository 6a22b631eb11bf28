"""What a search cost, and how much less that is than what it is compared with."""

from uniads.search import Result


def cost_sentence(result: Result, full_epochs: int, final_epochs: float) -> str:
    """The epochs trained and the factor saved, with the baseline spelled out.

    Args:
        result: of the search.
        full_epochs: length of the full recipe.
        final_epochs: epochs of the final training; 0 when there was none.
    """
    baseline = result.candidates * full_epochs
    spent = result.epochs
    text = (
        f"{result.candidates} candidates cost {spent:.4g} epochs; training each for the recipe's {full_epochs} epochs "
        f"would cost {baseline:,}: a factor of {baseline / spent:.1f}"
    )
    return f"{text} ({baseline / (spent + final_epochs):.1f} with the final training)" if final_epochs else text
