"""Problems with a right answer: which features carry the target is known, for it was planted.

Each returns a `SuppressorSample` (x, y, truth). In truth a feature is

    1   associated with the target y,
    −1  a suppressor: independent of y, yet dependent on features marked 1. A model may need it, to cancel
        what it shares with them; of the target it knows nothing,
    0   neither.

Haufe, Wilming, Clark et al. 2024, arXiv 2409.14590, call importance on features of the last two kinds false.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minixai.data.photos import photo
from minixai.settings import finite_number, whole_number

T, L = np.array([[1, 0], [1, 1], [1, 0]]), np.array([[1, 0], [1, 0], [1, 1]])
T_AT, L_AT = (1, 1), (4, 5)
SIGMA, SMOOTH = 0.5, 3  # of the background; of the Gaussian that correlates it, in pixels of 8×8
BACKGROUNDS = ("white", "correlated", "photo")
ALPHA = {  # of the signal, by background; against photos ours
    "linear": (0.18, 0.0125, 0.05),
    "multiplicative": (0.7, 0.1, 0.5),
    "rigid": (0.65, 0.2, 0.5),
    "xor": (0.35, 0.15, 0.3),
}
PHOTOS = ("astronaut", "camera", "chelsea", "coffee")
SHRINK = 4  # pixels of a photo to one of the background

BLOB = np.array([[0, 0.5, 0.5, 0], [0.5, 1, 1, 0.5], [0.5, 1, 1, 0.5], [0, 0.5, 0.5, 0]])

SIDE = 16  # of images with a watermark
DIGITS = ("abged", "afgcd")  # the segments of 2 and of 5
SEGMENTS = {  # rows and columns
    "a": (slice(2, 4), slice(5, 11)),
    "b": (slice(4, 7), slice(9, 11)),
    "c": (slice(9, 12), slice(9, 11)),
    "d": (slice(12, 14), slice(5, 11)),
    "e": (slice(9, 12), slice(5, 7)),
    "f": (slice(4, 7), slice(5, 7)),
    "g": (slice(7, 9), slice(5, 11)),
}
INK, GRAIN = (0.2, 1.8), 0.8  # the range of the ink's strength; the noise of a pixel
MARK, BLEND = 1.5, 0.5  # the watermark's own value, and its weight where it lies
TELLS = 0.9  # how often an informative watermark stands on its class


class SuppressorSample(NamedTuple):
    """n samples of a problem: x (n, …) float64; y (n,) int64, 0 or 1; truth, int8 of x's shape."""

    x: np.ndarray
    y: np.ndarray
    truth: np.ndarray


def suppressor_2d(
    n: int = 2000, c: float = 0.8, s1: float = 1.0, s2: float = 0.7, seed: int = 0
) -> SuppressorSample:
    """Two features, of which only the first knows the target: x = (1, 0)ᵀz + η, z = 2y − 1 = ±1.

    η ~ N(0, Σ), Σ = [[s₁², c·s₁s₂], [c·s₁s₂, s₂²]]. The best filter is w ∝ (1, −c·s₁/s₂): it takes off x₁
    what x₂ knows of its noise. With c = .8 and s₂ = .7 that lifts the accuracy from .841 to .952.

    c: in (−1, 1); with 0 the second feature is no suppressor. s1, s2: above 0.
    Returns x (n, 2), y and truth (n, 2): 1 and −1.
    Raises ValueError or TypeError for a wrong argument.
    Wilming et al. 2023, arXiv 2306.01464, section 3.
    """
    call = "suppressor_2d"
    n, rng = whole_number(call, "n", n), _generator(call, seed)
    c = finite_number(call, "c", c, above=-1, below=1)
    s1, s2 = (finite_number(call, name, s, above=0) for name, s in (("s1", s1), ("s2", s2)))
    y = rng.integers(2, size=n)
    eta = rng.standard_normal((n, 2)) @ np.linalg.cholesky([[s1**2, c * s1 * s2], [c * s1 * s2, s2**2]]).T
    x = eta + np.outer(2 * y - 1, (1, 0))
    return SuppressorSample(x, y, _like(x, np.array([1, -1 if c else 0])))


def suppressor_8x8(
    n: int = 2000, signal: float = 0.08, distractor: float = 0.46, noise: float = 0.46, seed: int = 0
) -> SuppressorSample:
    """Images of 8×8 pixels with a signal pattern, and a distractor pattern that overlaps it.

    x = signal·a z/‖a z‖ + distractor·d ε/‖d ε‖ + noise·η/‖η‖,  z = 2y − 1 = ±1,  ε ~ N(0, 1),  η ~ N(0, Σ)

    a is a blob at the upper left and its negative at the lower left, d the same blob at the upper left and
    its negative at the upper right. ‖·‖² is the mean over the images of the sum over the pixels (in the paper
    it is not divided by n, which scales x). Σ = U D Uᵀ with a random rotation U and D ~ U(0, 1).

    signal, distractor, noise: the parts, 0 or more. The defaults are the paper's, of its largest signal.
    Returns x (n, 1, 8, 8), y and truth: 1 where a is not 0, −1 where d alone is not 0 (the blob at the upper
        right); the weak correlations of the noise do not count.
    Raises ValueError or TypeError for a wrong argument.
    Wilming et al. 2022, arXiv 2111.07473, section 2.
    """
    call = "suppressor_8x8"
    n, rng = whole_number(call, "n", n), _generator(call, seed)
    parts = {"signal": signal, "distractor": distractor, "noise": noise}
    lambdas = [finite_number(call, name, part, least=0) for name, part in parts.items()]
    a, d = np.zeros((8, 8)), np.zeros((8, 8))
    a[:4, :4] = d[:4, :4] = BLOB
    a[4:, :4] = d[:4, 4:] = -BLOB
    y = rng.integers(2, size=n)
    rotation, _ = np.linalg.qr(rng.standard_normal((64, 64)))
    spread = rng.random(64)
    terms = (
        np.multiply.outer(2.0 * y - 1, a),
        np.multiply.outer(rng.standard_normal(n), d),
        (rng.standard_normal((n, 64)) * np.sqrt(spread) @ rotation.T).reshape(n, 8, 8),
    )
    x = np.sum([part * _unit(term) for part, term in zip(lambdas, terms, strict=True)], axis=0)
    truth = (a != 0).astype(np.int8) - ((d != 0) & (a == 0))
    return SuppressorSample(x[:, None], y, _like(x[:, None], truth))


def tetrominoes(
    scenario: str = "linear",
    background: str = "white",
    n: int = 10_000,
    size: int = 8,
    alpha: float | None = None,
    seed: int = 0,
) -> SuppressorSample:
    """A tetromino in noise, a T or an L by class: the four scenarios of XAI-TRIS.

    scenario:
        "linear"          x = α·s/‖s‖ + (1 − α)·b/‖b‖, s the T of class 0 or the L of class 1, at its place.
        "multiplicative"  x = (1 − α·s) ⊙ b: where the tetromino lies the background is weaker.
        "rigid"           as linear, the tetromino at a random place and turned by quarters.
        "xor"             as linear, s = ±T ± L; the class says whether the signs are equal. No pixel alone
                          knows it, and none can be left out.
    background b: "white", N(0, ½²); "correlated", that smoothed by a Gaussian of σ = 3; "photo", pieces of
        scikit-image's photos, grey, less their mean.
    size: of the image, a multiple of 8, by which all is enlarged. alpha: None means the paper's for 8×8, and
        a value of ours against photos.

    ‖·‖ is taken over all images; x is divided by its largest |value|. Returns x (n, 1, size, size), y and
    truth: 1 on both places of the tetrominoes, of a rigid one on its own; elsewhere 0 in white background,
    and −1 in others, whose pixels know of each other.
    Raises ValueError or TypeError for a wrong argument, ImportError for photos without scikit-image.
    Clark et al. 2024, XAI-TRIS, arXiv 2306.12816, section 3.
    """
    call = "tetrominoes"
    _one_of(call, "scenario", scenario, tuple(ALPHA))
    _one_of(call, "background", background, BACKGROUNDS)
    n, size, rng = (
        whole_number(call, "n", n),
        whole_number(call, "size", size, least=8),
        _generator(call, seed),
    )
    if size % 8:
        raise ValueError(f"{call}: size is {size}, expected a multiple of 8")
    own = ALPHA[scenario][BACKGROUNDS.index(background)]
    alpha = finite_number(call, "alpha", own if alpha is None else alpha, least=0, most=1)
    y = rng.integers(2, size=n)
    s = _turned(y, rng) if scenario == "rigid" else _placed(scenario, y, rng)
    s = np.kron(s, np.ones((size // 8, size // 8)))
    b = _background(background, n, size, rng)
    x = (1 - alpha * s) * b if scenario == "multiplicative" else alpha * _unit(s) + (1 - alpha) * _unit(b)
    seen = s != 0 if scenario == "rigid" else (s != 0).any(axis=0)
    truth = np.where(seen, 1, 0 if background == "white" else -1)
    x = (x / np.abs(x).max())[:, None]
    return SuppressorSample(x, y, _like(x, truth.reshape(-1, 1, size, size)))


def watermarked(kind: str = "none", n: int = 4000, seed: int = 0) -> SuppressorSample:
    """Digits, a 2 or a 5, that are alike in three sets but for a watermark over them.

    The digits are made of bars, those of a pocket calculator. Their ink has a strength of its own in each
    image, and noise is added. The bars on the left and right, which tell a 2 from a 5, know the class. The
    three that both digits have are suppressors: they know the strength of the others' ink.

    kind: of the watermark, a stripe across the digit that is blended in, half and half:
        "none"         in no image.
        "informative"  in 9 of 10 images of class 1, and in 1 of 10 of class 0: it is associated with y.
        "random"       in half of the images of either class: where it leaves the telling bars it is a
                       suppressor, for it says what was done to them.
    Returns x (n, 1, 16, 16), y (0 for a 2, 1 for a 5) and truth.
    Raises ValueError or TypeError for a wrong argument.
    After Clark et al. 2026, arXiv 2602.09238, who find that maps react to a watermark's presence, not to what
    it tells.
    """
    call = "watermarked"
    _one_of(call, "kind", kind, ("none", "informative", "random"))
    n, rng = whole_number(call, "n", n), _generator(call, seed)
    y = rng.integers(2, size=n)
    ink, grain, lot = rng.uniform(*INK, n), rng.standard_normal((n, SIDE, SIDE)), rng.random(n)
    digits = np.zeros((2, SIDE, SIDE))
    for digit, segments in zip(digits, DIGITS, strict=True):
        for name in segments:
            digit[SEGMENTS[name]] = 1
    x = ink[:, None, None] * digits[y] + GRAIN * grain
    rows, columns = np.indices((SIDE, SIDE))
    stripe = np.isin(rows + columns, (SIDE - 3, SIDE - 2))  # from lower left to upper right
    often = {"none": 0 * y, "informative": np.where(y, TELLS, 1 - TELLS), "random": np.full(n, 0.5)}
    marked = (lot < often[kind])[:, None, None] & stripe
    x = np.where(marked, (1 - BLEND) * x + BLEND * MARK, x)
    truth = np.where(digits[0] != digits[1], 1, np.where(digits[0] > 0, -1, 0))
    if kind != "none":
        truth[stripe & (truth != 1)] = 1 if kind == "informative" else -1
    return SuppressorSample(x[:, None], y, _like(x[:, None], truth))


def _generator(call: str, seed: int) -> np.random.Generator:
    return np.random.default_rng(whole_number(call, "seed", seed, least=0))


def _one_of(call: str, name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{call}: {name} is {value!r}, expected one of {', '.join(map(repr, known))}")


def _like(x: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The truth of one sample, or of each, as int8 of x's shape."""
    return np.broadcast_to(truth, x.shape).astype(np.int8)


def _unit(images: np.ndarray) -> np.ndarray:
    """The images, with a mean squared norm of 1."""
    return images / np.sqrt(np.square(images).sum() / len(images))


def _placed(scenario: str, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n, 8, 8): the tetrominoes at their own places."""
    shapes = np.zeros((2, 8, 8))
    for image, shape, (top, left) in zip(shapes, (T, L), (T_AT, L_AT), strict=True):
        image[top : top + 3, left : left + 2] = shape
    if scenario != "xor":
        return shapes[y]
    sign = rng.choice([-1, 1], len(y))
    return np.multiply.outer(sign, shapes[0]) + np.multiply.outer(sign * (2 * y - 1), shapes[1])


def _turned(y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n, 8, 8): a tetromino each, turned and placed at random."""
    s = np.zeros((len(y), 8, 8))
    for image, label, turns in zip(s, y, rng.integers(4, size=len(y)), strict=True):
        shape = np.rot90((T, L)[label], turns)
        top, left = (rng.integers(8 - side + 1) for side in shape.shape)
        image[top : top + shape.shape[0], left : left + shape.shape[1]] = shape
    return s


def _background(kind: str, n: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """(n, size, size)."""
    if kind == "photo":
        return _pieces(n, size, rng)
    b = SIGMA * rng.standard_normal((n, size, size))
    if kind == "white":
        return b
    smooth = _smoothing(size, SMOOTH * size / 8)
    return smooth @ b @ smooth.T


def _smoothing(side: int, sigma: float) -> np.ndarray:
    """(side, side): a Gaussian along one axis, up to 4σ, the image mirrored at its edges."""
    reach = int(4 * sigma + 0.5)
    steps = np.arange(-reach, reach + 1)
    weights = np.exp(-(steps**2) / (2 * sigma**2))
    place = (np.arange(side)[:, None] + steps) % (2 * side)
    place = np.where(place < side, place, 2 * side - 1 - place)
    matrix = np.zeros((side, side))
    np.add.at(matrix, (np.arange(side)[:, None], place), weights / weights.sum())
    return matrix


def _pieces(n: int, size: int, rng: np.random.Generator) -> np.ndarray:
    photos = [photo(name).mean(axis=2) / 255 for name in PHOTOS]
    side = SHRINK * size
    pieces = np.empty((n, size, size))
    for piece, number in zip(pieces, rng.integers(len(photos), size=n), strict=True):
        top, left = (rng.integers(whole - side + 1) for whole in photos[number].shape)
        seen = photos[number][top : top + side, left : left + side]
        piece[:] = seen.reshape(size, SHRINK, size, SHRINK).mean(axis=(1, 3))
    return pieces - pieces.mean(axis=(1, 2), keepdims=True)
