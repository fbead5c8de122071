"""Detectors: functions from facts to a finding."""
