"""Folds, leakage, statistics, attribution and published figures."""
