"""A plain document of headings, paragraphs and tables, as Markdown and as HTML.

All text is treated as hostile: nothing in it can become markup in either form.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from modelassay.report.text import inert_markdown, visible

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;"
    "color-scheme:light dark}table{border-collapse:collapse;width:100%;margin:1rem 0}"
    "th,td{border:1px solid #8888;padding:.35rem .5rem;text-align:left;vertical-align:top;"
    "overflow-wrap:anywhere}th{background:#8882}@media print{body{margin:0}}"
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True)
class Heading:
    """A heading of a level from 1."""

    level: int
    text: str


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True)
class Table:
    """Rows under named columns; a cell is one text, or several that stand under each other."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str | Sequence[str]]]


Block = Heading | Paragraph | Table


def to_markdown(blocks: Iterable[Block]) -> bytes:
    """`blocks` as GitHub-flavoured Markdown, UTF-8."""
    return ("\n\n".join(_markdown(block) for block in blocks) + "\n").encode()


def to_html(title: str, blocks: Iterable[Block]) -> bytes:
    """`blocks` as one page without scripts that loads nothing, UTF-8."""
    head = (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_html(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
    )
    body = "\n".join(_block(block) for block in blocks)
    return f"{head}{body}\n</body>\n</html>\n".encode()


def _markdown(block: Block) -> str:
    if isinstance(block, Heading):
        return "#" * block.level + " " + inert_markdown(block.text)
    if isinstance(block, Paragraph):
        return inert_markdown(block.text)
    lines = [list(block.columns), ["---"] * len(block.columns)]
    lines += [["<br>".join(map(inert_markdown, _texts(cell))) for cell in row] for row in block.rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        return f"<h{block.level}>{_html(block.text)}</h{block.level}>"
    if isinstance(block, Paragraph):
        return f"<p>{_html(block.text)}</p>"
    head = "".join(f'<th scope="col">{_html(name)}</th>' for name in block.columns)
    rows = "\n".join(
        "<tr>" + "".join(f"<td>{'<br>'.join(map(_html, _texts(cell)))}</td>" for cell in row) + "</tr>"
        for row in block.rows
    )
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"


def _texts(cell: str | Sequence[str]) -> Sequence[str]:
    return (cell,) if isinstance(cell, str) else cell


def _html(text: str) -> str:
    return escape(visible(text))
