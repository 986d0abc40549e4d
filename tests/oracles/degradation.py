"""Degradation of one image, in loops; `probability` is a function of an image (c, h, w)."""

import math


def patches(height, width, side):
    """The pixels of each patch, row by row from the upper left; cut where the image ends."""
    return [
        [
            (r, q)
            for r in range(i * side[0], min((i + 1) * side[0], height))
            for q in range(j * side[1], min((j + 1) * side[1], width))
        ]
        for i in range(math.ceil(height / side[0]))
        for j in range(math.ceil(width / side[1]))
    ]


def most_relevant_first(heat, places):
    """The numbers of the patches by the sum of heat (c, h, w), descending; without ties."""
    sums = [sum(channel[r][q] for channel in heat for r, q in place) for place in places]
    return sorted(range(len(places)), key=lambda k: -sums[k])


def patch_means(image, places):
    """Every pixel as the mean of its patch, in each channel."""
    filled = image.copy()
    for place in places:
        for c in range(len(image)):
            mean = sum(image[c, r, q] for r, q in place) / len(place)
            for r, q in place:
                filled[c, r, q] = mean
    return filled


def blurred(image, sigma):
    """The mean of all pixels, weighted by a Gaussian of their distance."""
    _, height, width = image.shape
    result = image.copy()
    for r in range(height):
        for q in range(width):
            total, weights = 0, 0
            for i in range(height):
                for j in range(width):
                    weight = math.exp(-((r - i) ** 2 + (q - j) ** 2) / (2 * sigma**2))
                    total = total + weight * image[:, i, j]
                    weights += weight
            result[:, r, q] = total / weights
    return result


def curve(probability, start, end, places, order, counts):
    """The probability where the first k patches of the order are those of `end`, for each k of counts."""
    scores = []
    for k in counts:
        image = start.copy()
        for number in order[:k]:
            for r, q in places[number]:
                image[:, r, q] = end[:, r, q]
        scores.append(probability(image))
    return scores


def area(counts, scores):
    """The trapezoids below a curve, over its width."""
    steps = range(len(counts) - 1)
    total = sum((counts[k + 1] - counts[k]) * (scores[k] + scores[k + 1]) / 2 for k in steps)
    return total / (counts[-1] - counts[0])
