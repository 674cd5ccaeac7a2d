"""Measurements behind the recipes' choices: the framing of faces, and fusion without paired data."""
