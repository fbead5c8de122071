"""Driving the screens: an app that is in, waiting for what must come, and reading what stands on the screen."""

import unicodedata
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from xml.etree import ElementTree

from rich.style import Style
from textual.pilot import Pilot
from textual.widgets import Input

from tests.simulators.clock import TestSystem
from tests.tui.world import PASSPHRASE, World
from tui.app import StackTui
from tui.notify import DesktopNotify

FORBIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
SCROLLING = ("grab", "release", "scroll_up", "scroll_down", "scroll_left", "scroll_right")
"""What Textual's own scroll bars do."""

TRIES = 300
SMALL, LARGE = (80, 24), (120, 40)


class Driven:
    """An app under a pilot, with its clock."""

    def __init__(self, app: StackTui, pilot: Pilot[None], clock: TestSystem, world: World) -> None:
        self.app = app
        self.pilot = pilot
        self.clock = clock
        self.world = world

    async def press(self, *keys: str) -> None:
        """Press keys, and let everything that follows from them happen."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def press_armed(self, *keys: str) -> None:
        """Press keys after the arming delay of what is there now."""
        for key in keys:
            self.clock.advance(1)
            await self.press(key)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait, within bounds, for what must come."""
        for _ in range(TRIES):
            await self.pilot.pause(0.01)
            if condition():
                return
        raise AssertionError(f"it never came; on the screen:\n{self.text}")

    async def until_shown(self, words: str) -> None:
        """Wait until these words stand on the screen."""
        await self.until(lambda: words in self.text)

    async def changed(self) -> None:
        """The appliance tells of a change, and the screen takes it."""
        self.world.changed()
        seen = len(self.world.client.asked)
        await self.until(lambda: len(self.world.client.asked) > seen + 1)
        await self.pilot.pause()

    def fill(self, selector: str, value: str) -> None:
        """Type into a field."""
        self.app.screen.query_one(selector, Input).value = value

    @property
    def lines(self) -> list[str]:
        """The screen, line by line."""
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip) for strip in strips]

    @property
    def text(self) -> str:
        """The screen."""
        return "\n".join(self.lines)

    def check_clean(self) -> None:
        """Nothing on the screen acts on a terminal, and nothing on it can be clicked into an action."""
        for line in self.lines:
            bad = [f"U+{ord(character):04X}" for character in line if unicodedata.category(character) in FORBIDDEN]
            assert not bad, f"{bad} in {line!r}"
        for strip in self.app.screen._compositor.render_strips():
            for segment in strip:
                check_style(segment.style)

    def check_picture(self) -> None:
        """The exported picture is XML, which no control character may stand in."""
        ElementTree.fromstring(self.app.export_screenshot())


def check_style(style: Style | None) -> None:
    """No link, and no action on a click."""
    if style is None:
        return
    assert style.link is None
    assert not {name: value for name, value in style.meta.items() if name.startswith("@") and value not in SCROLLING}


@asynccontextmanager
async def started(
    world: World,
    *,
    size: tuple[int, int] = SMALL,
    desktop_notify: DesktopNotify | None = None,
    ends_appliance: bool = False,
) -> AsyncIterator[Driven]:
    """An app at its first screen."""
    clock = TestSystem()
    app = StackTui(world.client, desktop_notify=desktop_notify, system=clock, ends_appliance=ends_appliance)
    async with app.run_test(size=size) as pilot:
        driven = Driven(app, pilot, clock, world)
        await driven.until(lambda: len(app.screen_stack) > 2)
        yield driven


@asynccontextmanager
async def opened(
    world: World,
    *,
    size: tuple[int, int] = SMALL,
    desktop_notify: DesktopNotify | None = None,
    ends_appliance: bool = False,
) -> AsyncIterator[Driven]:
    """An app with a session, at the queue."""
    showing = started(world, size=size, desktop_notify=desktop_notify, ends_appliance=ends_appliance)
    async with showing as driven:
        await unlock(driven)
        await driven.until_shown("approvals advisory")
        await driven.until_shown("Asked by" if world.intents or world.decisions else "Nothing waits")
        yield driven


async def unlock(driven: Driven) -> None:
    """Type the passphrase."""
    driven.fill("#secret", PASSPHRASE)
    await driven.press("enter")
    await driven.until(lambda: driven.world.client.session is not None)
