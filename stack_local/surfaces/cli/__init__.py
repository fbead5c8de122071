"""The `stack-local` command: hand-made commands for a person's day, the rest derived from the catalogue."""

from stack_local.surfaces.cli.launch import DoctorLine, Launch
from stack_local.surfaces.cli.root import build, main

__all__ = ["DoctorLine", "Launch", "build", "main"]
