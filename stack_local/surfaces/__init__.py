"""MCP, REST, command line: they translate and do nothing else."""
