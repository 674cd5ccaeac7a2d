"""Fusion models: one registry, one file per idea."""

from __future__ import annotations

from mmer_core.fusion.model import FusionModel, FusionOutput
from mmer_core.registry import Registry

__all__ = ["FUSION_MODELS", "FusionModel", "FusionOutput"]

FUSION_MODELS: Registry[FusionModel] = Registry("fusion model")
