"""The keys of the commands that read ledgers: compare, sweep's comparison, export and report."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from uniads.schema.kinds import File, Folder, OptionalAbove0, OptionalFile, Seed, Switch, Text, Whole, says
from uniads.schema.section import Section
from uniads.schema.training import Paths

Word = Annotated[str, StringConstraints(min_length=1)]


class Comparison(Section):
    """``conf/compare.yaml``."""

    ledger: File = "missing"
    algorithms: Annotated[
        list[Word], Field(min_length=1), says("a list of options of conf/search, such as [quick,random]")
    ]
    seeds: Annotated[int, Field(ge=2), says("a whole number of at least 2")]
    epochs: OptionalAbove0
    answers: Annotated[Literal["surrogate", "recorded"], says("one of surrogate, recorded")]
    noise: Switch
    jobs: Annotated[Whole | Literal[-1], says("a whole number above 0, or -1 for every core")]
    seed: Seed
    paths: Paths


class Sweep(Section):
    """``sweep`` of the sweep command."""

    ledger: OptionalFile
    results: Annotated[list[Word], says("a list of files, such as [a.jsonl,b.csv]")]


class Export(Section):
    """``conf/export.yaml``."""

    ledger: File = "missing"
    storage: Text
    name: Annotated[Word | None, says("a text, or null for the name of the ledger's folder")]


class Report(Section):
    """``conf/report.yaml``."""

    directory: Folder
    paths: Paths
