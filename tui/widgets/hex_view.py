"""Bytes as they are: offset, hex and text, drawn line by line so that ten megabytes scroll as one line does."""

from rich.segment import Segment
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

PER_LINE = 16


class HexView(ScrollView, can_focus=True):
    """A scrolling hex dump."""

    DEFAULT_CSS = """
    HexView { height: 1fr; background: $background; }
    """

    def __init__(self, content: bytes, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._content = content
        self._lines = max(1, -(-len(content) // PER_LINE))
        self.virtual_size = Size(len(hex_line(content, 0)), self._lines)

    def render_line(self, y: int) -> Strip:
        line = y + self.scroll_offset.y
        words = hex_line(self._content, line) if line < self._lines else ""
        return Strip([Segment(words, self.rich_style)]).adjust_cell_length(self.size.width, self.rich_style)

    @property
    def is_at_end(self) -> bool:
        """Whether the last line stands on the screen."""
        return self.scroll_offset.y + self.size.height >= self._lines


def hex_line(content: bytes, line: int) -> str:
    """One line of the dump; whatever is not printable ASCII is a dot."""
    piece = content[line * PER_LINE : (line + 1) * PER_LINE]
    pairs = " ".join(f"{byte:02x}" for byte in piece)
    text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in piece)
    return f"{line * PER_LINE:08x}  {pairs:<{PER_LINE * 3 - 1}}  {text}"
