"""The table of all distillers. python -m uniads.report.distiller README.md writes it between two marks of a file."""

import re
import sys
from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from uniads.distiller.base import Context, Distiller
from uniads.distiller.composed import Composed
from uniads.distiller.context import knowledge_of
from uniads.distiller.middle import Middle
from uniads.distiller.node import Node
from uniads.distiller.term import Term
from uniads.error import UserError
from uniads.knowledge import Batch
from uniads.model.base import count_params
from uniads.options import build, conf_dir, options

BEGIN, END = "<!-- distillers: begin -->", "<!-- distillers: end -->"
TEACHER, STUDENT = "resnet32x4", "resnet8x4"
"""The pair that extra parameters are counted for: CIFAR-100, a batch of 64."""
COLUMNS = ("method", "knowledge", "formula", "weight", "extra parameters", "source", "made of")
SOURCE_PATTERN = re.compile(r"arXiv:\d{4}\.\d{4,5}|openreview\.net/\S*[\w]")


def _build_context() -> Context:
    """The training that extra parameters are counted for."""
    teacher, student = (build("model", name, num_classes=100) for name in (TEACHER, STUDENT))
    batch = Batch(torch.zeros(2, 3, 32, 32), torch.arange(2), torch.arange(2))
    label = torch.arange(50_000) % 100
    student_knowledge, teacher_knowledge = knowledge_of(student, batch.image), knowledge_of(teacher, batch.image)
    student_builder = partial(build, "model", STUDENT, num_classes=100)
    return Context(
        student, teacher, student_knowledge, teacher_knowledge, batch, len(label), 64, student_builder, label
    )


def build_distiller_rows() -> list[dict[str, str]]:
    """One row for each distiller, in the order of their names."""
    context = _build_context()
    return [_build_row(name, context) for name in options("distiller")]


def _build_row(name: str, context: Context) -> dict[str, str]:
    distiller: Distiller = build("distiller", name)
    student, teacher, batch = context.student, context.teacher, context.batch
    assert student is not None
    assert batch is not None
    dressed = distiller.dress(deepcopy(student), teacher, batch.image)
    if distiller.dresses:
        context = replace(context, student=dressed, student_knowledge=knowledge_of(dressed, batch.image))
    distiller.adapt(context)
    terms = distiller.terms() if isinstance(distiller, Composed) else {}
    weights = [f"task {distiller.task:g}", *(f"{label} {term.weight:g}" for label, term in terms.items())]
    modules = [term for term in terms.values() if not isinstance(term, Node | Middle)]
    return {
        "method": f"`{name}`",
        "knowledge": ", ".join(dict.fromkeys(_name_knowledge(term) for term in terms.values())) or "-",
        "formula": f"`{distiller.formula()}`",
        "weight": ", ".join(weights),
        "extra parameters": f"{count_params(distiller) + count_params(dressed) - count_params(student):,}",
        "source": ", ".join(dict.fromkeys(SOURCE_PATTERN.findall(_read_header(name)))) or "-",
        "made of": "a module" if modules or not isinstance(distiller, Composed) else "nodes" if terms else "nothing",
    }


def _name_knowledge(term: Node | Term) -> str:
    if isinstance(term, Term):
        return term.knowledge
    if term.source != "feature":
        return term.source
    return "last feature map" if term.tap == -1 else f"feature map f{term.tap}"


def _read_header(name: str) -> str:
    """The comment at the head of an option's file."""
    lines = (conf_dir() / "distiller" / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    return " ".join(line for line in lines if line.startswith("#"))


def build_distiller_table() -> str:
    """The table in Markdown."""
    lines = [
        COLUMNS,
        ("---",) * len(COLUMNS),
        *(tuple(row[name] for name in COLUMNS) for row in build_distiller_rows()),
    ]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def insert_table(text: str) -> str:
    """The text with the table between its two marks.

    Raises:
        UserError: it lacks a mark.
    """
    if not 0 <= text.find(BEGIN) < text.find(END):
        raise UserError(f"the file needs the marks {BEGIN} and {END}, in this order, each on a line of its own")
    before, after = text.split(BEGIN, 1)[0], text.split(END, 1)[1]
    return f"{before}{BEGIN}\n{build_distiller_table()}\n{END}{after}"


def main() -> None:
    """Write the table into the file of the command line."""
    if len(sys.argv) != 2:
        sys.exit("error: give one Markdown file: python -m uniads.report.distiller README.md")
    file = Path(sys.argv[1])
    try:
        file.write_text(insert_table(file.read_text(encoding="utf-8")), encoding="utf-8")
    except (OSError, UnicodeDecodeError, UserError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
