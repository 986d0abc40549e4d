"""minixai: explaining neural networks from scratch."""

__version__ = "0.1.0"
