"""What clients are not asked to do, and why: the whole list. No other reason may skip a test of this folder."""

SKIPS = {
    "the Python SDK's stored log-in, past its token": (
        "what its provider stores names no time of expiry: a new process takes the old token for good, "
        "and after the 401 it asks a person instead of refreshing"
    ),
}
"""What is skipped, to the reason. The Agents SDKs have no log-in of their own: they are given the MCP SDKs' providers;
the Claude Agent SDK uses Claude Code's. These are not skips: each is played as its users play it."""
