"""Sections as one page that needs no other file, and their figures and tables as files for papers."""

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from uniads.report.element import figure
from uniads.report.element.hover import add_hover_texts
from uniads.report.element.section import Section

TEMPLATE = "page.html.j2"


def write_page(title: str, sections: Sequence[Section], directory: Path, footer: str = "") -> Path:
    """Write ``report.html`` and, under ``report/``, each figure as PNG and SVG and each table as CSV, Markdown, LaTeX.

    Returns:
        The path of the page.
    """
    files = directory / "report"
    files.mkdir(parents=True, exist_ok=True)
    pictures = {}
    for section in sections:
        if section.figure:
            figure.save_figure(section.figure, files, section.name)
            pictures[section.name] = _show_picture(section, (files / f"{section.name}.svg").read_bytes())
        if section.sheet:
            section.sheet.write(files)
    folder = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=folder, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    page = directory / "report.html"
    text = environment.get_template(TEMPLATE).render(title=title, sections=sections, pictures=pictures, footer=footer)
    page.write_text(text, encoding="utf-8", errors="backslashreplace")  # half a sign of a broken text
    return page


def _show_picture(section: Section, svg: bytes) -> Markup:
    if section.hover:
        return Markup(add_hover_texts(svg, section.hover, section.title))
    return Markup('<img alt="{}" src="{}">').format(section.title, figure.encode_picture(svg))
