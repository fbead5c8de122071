"""Rows bound to ids: a refresh keeps the cursor on its id, and the cursor is a sign as well as a color."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from textual import on
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

CURSOR = "▸ "
NO_CURSOR = "  "


@dataclass(frozen=True, slots=True)
class Row:
    """One row: what it stands for, and its words."""

    id: str
    content: Content


class RowList(OptionList):
    """A list of rows in which every cell is plain content."""

    DEFAULT_CSS = """
    RowList { border: none; padding: 0; background: $background; scrollbar-size-vertical: 1; }
    RowList > .option-list--option-highlighted { background: $panel-lighten-1; color: $foreground; text-style: bold; }
    RowList:focus > .option-list--option-highlighted { background: $primary-darken-3; color: $foreground; }
    RowList { text-wrap: nowrap; text-overflow: ellipsis; }
    RowList:focus { border: none; background: $background; background-tint: $background 0%; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False, compact=True)
        self._rows: list[Row] = []
        self._marked: int | None = None
        self._options_of: dict[str, tuple[Row, Option]] = {}
        """What was made of each row: most rows of a log stay as they are when it grows."""

    @property
    def selected_id(self) -> str | None:
        """The id of the row that the cursor is on."""
        option = self.highlighted_option
        return None if option is None else option.id

    @property
    def selected_index(self) -> int | None:
        """Where that row stands."""
        return self.highlighted

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show these rows; the cursor stays on its id, or on its place if the id is gone."""
        if _same(rows, self._rows):
            return
        kept_ids = [row.id for row in rows] == [row.id for row in self._rows]
        self._rows, before = list(rows), self._rows
        if kept_ids:
            self._repaint(before)
            return
        self._rebuild()

    def _repaint(self, before: list[Row]) -> None:
        for index, (old, new) in enumerate(zip(before, self._rows, strict=True)):
            if not old.content.is_same(new.content):
                self.replace_option_prompt_at_index(index, self._prompt(index))

    def _rebuild(self) -> None:
        identifier, index, scroll_y = self.selected_id, self.highlighted or 0, self.scroll_y
        places = {row.id: place for place, row in enumerate(self._rows)}
        target = places.get(identifier or "", min(index, len(self._rows) - 1))
        self._marked = target if self._rows else None
        # The sign of the cursor is part of the words: the row it leaves and the row it comes to are made anew.
        stale = {identifier, None if self._marked is None else self._rows[self._marked].id}
        kept = {key: known for key, known in self._options_of.items() if key not in stale}
        self._options_of = {row.id: (row, self._option(place, row, kept)) for place, row in enumerate(self._rows)}
        self.set_options([option for _, option in self._options_of.values()])
        self.scroll_to(y=scroll_y, animate=False, immediate=True)
        self.highlighted = self._marked

    def _option(self, place: int, row: Row, kept: Mapping[str, tuple[Row, Option]]) -> Option:
        known, option = kept.get(row.id, (None, None))
        if option is not None and known is not None and known.content is row.content:
            return option
        return Option(self._prompt(place), id=row.id)

    @on(OptionList.OptionHighlighted)
    def _mark(self, event: OptionList.OptionHighlighted) -> None:
        before, self._marked = self._marked, self.highlighted
        for place in {before, self._marked} - {None}:
            if place is not None and place < len(self._rows):
                self.replace_option_prompt_at_index(place, self._prompt(place))

    def _prompt(self, place: int) -> Content:
        sign = CURSOR if place == self._marked else NO_CURSOR
        lines = self._rows[place].content.split("\n")
        return Content("\n").join(
            [Content.assemble(sign if at == 0 else NO_CURSOR, line) for at, line in enumerate(lines)]
        )


def _same(left: Sequence[Row], right: Sequence[Row]) -> bool:
    return len(left) == len(right) and all(
        one.id == other.id and one.content.is_same(other.content) for one, other in zip(left, right, strict=True)
    )
