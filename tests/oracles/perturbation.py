"""Occlusion and RISE of one image, in loops; `score` is a function of an image (c, h, w)."""

import math

import numpy as np


def occlusion(score, image, patch, stride, fill):
    """The mean drop of the score over the windows that cover each pixel: (h, w)."""
    channels, height, width = image.shape
    drops = [[[] for _ in range(width)] for _ in range(height)]
    for i in range(math.ceil((height - patch[0]) / stride[0]) + 1):
        for j in range(math.ceil((width - patch[1]) / stride[1]) + 1):
            covered = image.copy()
            places = [
                (r, q)
                for r in range(i * stride[0], min(i * stride[0] + patch[0], height))
                for q in range(j * stride[1], min(j * stride[1] + patch[1], width))
            ]
            for r, q in places:
                for c in range(channels):
                    covered[c, r, q] = fill[c]
            drop = score(image) - score(covered)
            for r, q in places:
                drops[r][q].append(drop)
    return np.array([[sum(values) / len(values) for values in row] for row in drops])


def rise_mask(cells, shifts, height, width):
    """Cells (grid, grid) enlarged to grid + 1 cells' widths, bilinearly, and cropped at the shifts."""
    grid = len(cells)
    mask = np.zeros((height, width))
    for r in range(height):
        for q in range(width):
            places = []
            for at, shift, side in ((r, shifts[0], height), (q, shifts[1], width)):
                enlarged = (grid + 1) * math.ceil(side / grid)
                centre = (at + shift + 0.5) / enlarged * grid - 0.5
                low = math.floor(centre)
                near = [min(max(place, 0), grid - 1) for place in (low, low + 1)]
                places.append([(near[0], 1 - (centre - low)), (near[1], centre - low)])
            for i, weight_i in places[0]:
                for j, weight_j in places[1]:
                    mask[r, q] += weight_i * weight_j * cells[i][j]
    return mask


def rise(probability, image, masks, p, centred):
    """Σ (probability(image · mask) less their mean, if centred) · mask / (N · p): (h, w)."""
    probabilities = [probability(np.array([channel * mask for channel in image])) for mask in masks]
    mean = sum(probabilities) / len(masks) if centred else 0
    total = np.zeros(image.shape[1:])
    for each, mask in zip(probabilities, masks, strict=True):
        total += (each - mean) * mask
    return total / (len(masks) * p)
