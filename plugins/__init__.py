"""What ships with the appliance, through the same door as anybody's plugin; named here for the frozen build."""

from collections.abc import Callable

from plugins import service_files
from plugins.detectors import runaway_loop
from stack_local.plugin_api import Registrar

BUILTIN: tuple[Callable[[Registrar], None], ...] = (service_files.register, runaway_loop.register)
"""Each plugin's `register`, in order."""
