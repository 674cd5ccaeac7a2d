"""Multimodal emotion recognition: encoders, fusion, honest evaluation. Importing this package loads neither torch nor transformers."""

__version__ = "0.1.0"
