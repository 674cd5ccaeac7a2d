"""Giving a clip and reading its answer."""
