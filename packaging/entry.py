"""The frozen command's first line: the same `main` as the installed one."""

from stack_local.__main__ import main

main()
