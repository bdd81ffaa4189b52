"""The code blocks of a Markdown page, each with the marker above it. Knows nothing of how a block is run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

MARKER = re.compile(r"<!--\s*needs:\s*(?P<what>[^>]*?)\s*-->")


@dataclass(frozen=True)
class Block:
    """`needs` is what the block wants and a test machine does not have, or empty."""

    page: str
    line: int
    language: str
    content: str
    needs: str = ""

    @property
    def name(self) -> str:
        return f"{self.page}:{self.line}:{self.language or 'plain'}"


def blocks_of(path: Path, root: Path) -> list[Block]:
    """Fenced and indented blocks in the order of the page. A marker holds for the block right below it."""
    found: list[Block] = []
    needs = ""
    for token in MarkdownIt().parse(path.read_text(encoding="utf-8")):
        if token.type in ("fence", "code_block"):
            line = (token.map or [0])[0] + 1
            found.append(Block(str(path.relative_to(root)), line, token.info.strip(), token.content, needs))
        marker = MARKER.search(token.content) if token.type == "html_block" else None
        needs = marker["what"] if marker else ""
    return found


def commands(content: str) -> list[str]:
    """The lines of a shell block, those that go on joined, comments left out."""
    joined: list[str] = []
    for line in content.splitlines():
        quoted = bool(joined) and joined[-1].count("'") % 2 == 1
        if quoted or (joined and joined[-1].endswith("\\")):
            joined[-1] += "\n" + line
        elif line.strip() and not line.lstrip().startswith("#"):
            joined.append(line)
    return joined
