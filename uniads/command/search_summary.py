"""What a search notes beside its ledger, once its teacher is known, for its report."""

from dataclasses import replace

from uniads.command.search_setup import Setup
from uniads.report.search.summary import Summary, list_versions
from uniads.teacher.training import Teacher
from uniads.terminal.opening import describe_data


def note_summary(setup: Setup, teacher: Teacher | None) -> None:
    """Write ``summary.json`` into the search's directory.

    Args:
        setup: of the search.
        teacher: who teaches, its accuracy measured; None where nothing is trained.
    """
    training, data = setup.settings.training, setup.data
    summary = Summary(
        data=describe_data(data, training.recipe.batch_size)[0].removeprefix("data").strip(),
        classes=data.num_classes,
        val_images=len(data.val(1).index),
        versions=list_versions(),
    )
    if teacher is not None:
        chain = [model.name for model in (training.teacher.chosen_model, *training.teacher.assistants)]
        summary = replace(
            summary,
            teacher=", who teaches ".join(chain),
            teacher_params=sum(parameter.numel() for parameter in teacher.network.parameters()),
            teacher_val_acc1=teacher.val_acc1,
            teacher_file=str(teacher.file),
            device=str(training.trainer.device),
        )
    summary.write(setup.settings.directory)
