"""The rules: pure values and functions of the standard library."""
