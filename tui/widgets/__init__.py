"""Widgets: one noun each."""
