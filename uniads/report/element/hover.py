"""A picture whose points say what they are when the pointer is over them."""

from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

from uniads.terminal.text import clean_text

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"


def add_hover_texts(svg: bytes, hover: Mapping[str, Sequence[str]], label: str) -> str:
    """An SVG as an element of a page, its points with titles.

    Args:
        svg: as matplotlib writes it.
        hover: for the name (``gid``) of each collection of points the texts, in the order in which they were drawn.
        label: what the picture shows, for who can't see it.
    """
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    root = ElementTree.fromstring(svg)
    for metadata in root.findall(f"{{{SVG}}}metadata"):
        root.remove(metadata)
    for group in root.iter(f"{{{SVG}}}g"):
        texts = hover.get(group.get("id", ""), ())
        points = list(group.iter(f"{{{SVG}}}use"))
        if len(points) == len(texts):  # points beyond the axes are not drawn
            for point, text in zip(points, texts, strict=True):
                ElementTree.SubElement(point, f"{{{SVG}}}title").text = clean_text(text)
    root.set("role", "img")
    root.set("aria-label", clean_text(label))
    return ElementTree.tostring(root, encoding="unicode")
