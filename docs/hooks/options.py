"""Writes the reference pages that follow from ``conf/``: the options of each group, and the commands with their keys.

Everything is read as text, so that the pages are built without torch and without Hydra.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "conf"
PAGES = "reference/options"
COMMANDS = ("search", "train", "evaluate", "report", "compare", "sweep", "export")

GROUPS = {
    "pair": ("A teacher and a student together.", "+pair=wrn40_2-wrn16_2"),
    "model": ("Networks, for the teacher and for the student.", "model@student=resnet20"),
    "data": ("Data sets.", "data=cifar100"),
    "recipe": ("How a network is trained: epochs, batch, learning rate.", "recipe=crd"),
    "recipe/part": ("What the recipes share, key by key.", "recipe.schedule=cosine"),
    "distiller": ("Losses: the published methods, and the one that is searched.", "distiller=kd"),
    "also": ("What is put beside a distiller.", "+also=kd"),
    "node": ("One term of a loss. A distiller's file puts nodes together.", None),
    "transform": (
        "What is done to knowledge before it is compared.",
        "transform@distiller.logits.transform.first=norm_c",
    ),
    "distance": ("How two views are compared.", "distance@distiller.logits.distance=l2"),
    "search": ("Budgets: how many candidates, which rungs, which algorithm.", "search=paper"),
    "space": ("Search spaces: keys and their values.", "space=architecture"),
    "algorithm": ("What proposes candidates.", "algorithm@search.algorithm=tpe"),
    "schedule": ("How many epochs each candidate gets.", "schedule@search.schedule=full"),
    "launcher": ("Where jobs run.", "launcher=joblib"),
    "hydra/launcher": ("What `launcher=pool` sets, key by key.", "hydra.launcher.n_jobs=4"),
    "trainer": ("Lightning's trainer.", "trainer.limit_train_batches=20"),
    "callback": ("What looks on while a network is trained.", "callback=none"),
    "logger": ("Where a training's numbers go.", "logger=csv"),
    "experiment": ("Trainings of the published tables.", "experiment=table3_wrn40_2-wrn16_2"),
    "paths": ("Folders.", "paths.data_dir=DIR"),
    "debug": ("A short training that stops at the first bad number.", "debug=default"),
}
"""Each group, what it holds, and how an option or a key of it is chosen."""


def groups() -> list[str]:
    """Config groups, as folders below ``conf/``."""
    return sorted({str(file.parent.relative_to(CONF)) for file in CONF.glob("*/**/*.yaml")})


def page(group: str) -> str:
    """Address of a group's page, inside of ``docs/``."""
    return f"{PAGES}/{group.replace('/', '_')}.md"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the groups' pages where the navigation names their folder."""
    _extend(config.nav, [{group: page(group)} for group in GROUPS])
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for group in groups():
        files.append(File.generated(config, page(group), content="\n".join(group_page(group))))
    files.append(File.generated(config, "reference/commands.md", content="\n".join(commands_page())))
    return files


def _extend(nav: list[object] | None, pages: list[dict[str, str]]) -> None:
    for entry in nav or []:
        for children in entry.values() if isinstance(entry, dict) else ():
            if children == [PAGES]:
                children[:] = pages
            elif isinstance(children, list):
                _extend(children, pages)


def group_page(group: str) -> Iterator[str]:
    """The lines of a group's page: a table of its options, then each with its file and its classes."""
    about, usage = GROUPS[group]
    files = sorted((CONF / group).glob("*.yaml"))
    yield f"# {group}\n\n{about} {len(files)} option{'s' if len(files) > 1 else ''}, from `conf/{group}/`.\n"
    yield f"Written as `{usage}`.\n" if usage else ""
    yield "| option | what it is |\n| --- | --- |"
    for file in files:
        yield f"| [`{file.stem}`](#{file.stem}) | {_cell(summary(file))} |"
    shown: dict[str, str] = {}
    for file in files:
        yield f"\n## {file.stem} {{ #{file.stem} }}\n\n`conf/{group}/{file.name}`\n"
        yield f"```yaml\n{file.read_text(encoding='utf-8').rstrip()}\n```\n"
        for target in targets(file):
            if not target.startswith("uniads."):
                yield f"`{target}` belongs to another library.\n"
            elif target in shown:
                yield f"`{target.rpartition('.')[2]}` is described at [`{shown[target]}`](#{shown[target]}).\n"
            else:
                shown[target] = file.stem
                yield f"::: {target}\n    options: {{heading_level: 3, members: false, show_root_toc_entry: false}}\n"


def targets(file: Path) -> list[str]:
    """Classes and functions that a file names, each once."""
    return list(dict.fromkeys(re.findall(r"^\s*_target_: (\S+)$", file.read_text(encoding="utf-8"), re.MULTILINE)))


def summary(file: Path) -> str:
    """An option in one line: its file's own comment, or the first sentence about what it builds."""
    text = file.read_text(encoding="utf-8")
    comment = [line[2:].split("   # ")[-1] for line in text.splitlines() if line.startswith("# ")]
    words = [line for line in comment if not line.startswith(("python -m", "@package"))]
    if words:
        return re.split(r"(?<=[.:]) ", " ".join(words), maxsplit=1)[0].rstrip(":")
    named = [target for target in targets(file) if target.startswith("uniads.")]
    if not named:
        return " with ".join(re.findall(r"^  - /model@[a-z.]+: (\S+)$", text, re.MULTILINE)) or "-"
    special = [target for target in named if not target.endswith((".Composed", ".Middle"))]
    return docstring((special or named)[0]).partition("\n\n")[0]


def docstring(target: str) -> str:
    """The docstring of a class or function, named by its path."""
    module, _, name = target.rpartition(".")
    file = ROOT / f"{module.replace('.', '/')}.py"
    file = file if file.exists() else file.with_suffix("") / "__init__.py"
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return ast.get_docstring(node) or ""
    raise LookupError(f"{file} defines no {name}")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def commands_page() -> Iterator[str]:
    """The lines of the page of commands: for each its root file, whose comments explain the keys."""
    yield (
        "# Commands and their keys\n\nEach command is a root file in `conf/`. Every key in it can be set on the "
        "command line, as can every key of the groups that it chooses from. `--cfg job` prints the whole of it, "
        "`--help` the groups, `-m` runs several at a time.\n"
    )
    for name in COMMANDS:
        file = CONF / f"{name}.yaml"
        module = ROOT / "uniads" / "command" / f"{name}.py"
        about = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
        yield f"## python -m uniads.{name} {{ #{name} }}\n\n{about}\n"
        text = file.read_text(encoding="utf-8").rstrip()
        yield f'```yaml title="conf/{file.name}"\n{text}\n```\n'
        chosen = [group for group in GROUPS if re.search(rf"^  - (override )?/?{group}[@:]", text, re.MULTILINE)]
        if chosen:
            links = ", ".join(f"[{group}](options/{group.replace('/', '_')}.md)" for group in chosen)
            yield f"It chooses from {links}.\n"
