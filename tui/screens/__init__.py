"""Screens: one task of the operator each."""
