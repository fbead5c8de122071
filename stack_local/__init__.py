"""stack_local: a local-first control plane for AI agents. This module holds the version and imports nothing."""

__version__ = "0.1.0"
