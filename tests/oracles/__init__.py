"""Slow and obvious loops, which never import minixai."""

import numpy as np

Array = np.ndarray
