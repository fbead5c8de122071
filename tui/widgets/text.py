"""A text on the screen: drawn without markup, and repainted only when it changed."""

from textual.content import Content
from textual.widgets import Static


class Text(Static):
    """Words of ours and outside text made visible. What it is given is never read as markup."""

    def __init__(self, content: Content | str = "", *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(_content(content), id=id, classes=classes, markup=False)
        self._shown = _content(content)

    def show(self, content: Content | str) -> None:
        """Show this; what stands there already is not drawn again."""
        wanted = _content(content)
        if wanted.is_same(self._shown):
            return
        self._shown = wanted
        self.update(wanted)

    @property
    def plain(self) -> str:
        """The words that stand there."""
        return self._shown.plain


def _content(content: Content | str) -> Content:
    return content if isinstance(content, Content) else Content(content)
