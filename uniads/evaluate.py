"""python -m uniads.evaluate checkpoint=FILE data=digits part=test: the accuracy of a saved student or teacher."""

from omegaconf import DictConfig

from uniads.command import command


@command("evaluate")
def main(cfg: DictConfig) -> None:
    """Load a saved network and score it."""
    from uniads.evaluating import evaluate

    evaluate(cfg)


if __name__ == "__main__":
    main()
