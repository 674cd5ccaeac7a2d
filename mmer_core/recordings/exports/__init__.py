"""Utterances written for other programs; one file per format."""

from mmer_core.recordings.exports.writing import SUFFIXES, check_target, write

__all__ = ["SUFFIXES", "check_target", "write"]
