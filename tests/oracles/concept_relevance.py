"""The part of a layer's relevance along a direction, place by place."""

from __future__ import annotations

import numpy as np


def along(h, came, w, a):
    """Of relevance `came` at h, both (n, c, places), what runs along a·wᵀ: (n, c, places)."""
    kept = np.zeros_like(h)
    for i in range(h.shape[0]):
        for place in range(h.shape[2]):
            through = sum(
                a[k] * came[i, k, place] / h[i, k, place] for k in range(len(a)) if h[i, k, place] != 0
            )
            for k in range(len(w)):
                kept[i, k, place] = h[i, k, place] * w[k] * through
    return kept
