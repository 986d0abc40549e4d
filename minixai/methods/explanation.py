"""What every method returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from minixai.errors import ShapeError, came, several_names, warn
from minixai.methods.ledger import Ledger
from minixai.methods.unit import Unit
from minixai.settings import whole_number
from minixai.similarity import edges, rank_correlation
from minixai.typing import Array

if TYPE_CHECKING:
    from minixai.data import Preprocess
    from minixai.methods.microscope import Trace
    from minixai.plot.maps import Group
    from minixai.plot.microscope import Walk
    from minixai.plot.picture import Picture

__all__ = ["Explanation", "MapWarning", "UnusedTableWarning", "ZeroMapWarning", "side_by_side"]

COLUMNS = 6  # maps beside a photo


class MapWarning(UserWarning):
    """A map is not what its method's name promises."""


class UnusedTableWarning(MapWarning):
    """No rule of a method's table applied: the map is the gradient."""


class ZeroMapWarning(MapWarning):
    """A map is zero everywhere."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """A map of the input's shape, and what it explains. `np.asarray(explanation)` is the map.

    kind: "function" (how the output would change), "signal" (what of the input the output responds
    to, in the input's channels), "attribution" (what each input contributes to the score) or "control" (no
    explanation, but what explanations are held against).
    It owns its arrays: they are copies.
    """

    method: str
    kind: str
    map: Array  # of x's shape
    x: Array  # the model's input
    unit: Unit  # which part of the model it explains
    target: np.ndarray[Any, np.dtype[np.intp]]  # (n,): the class; the unit's index in its layer, −1 for all
    score: Array  # (n,): its value
    preprocess: Preprocess | None = None  # how the model's input is made from photos
    ledger: Ledger | None = None  # of methods that share out relevance
    gap: Array | None = None  # (n,): Σ map less the change of the score; of integrated gradients
    quantity: str = ""  # what the map is about, where that is not the score; of RISE
    layer: str = ""  # whose maps it is made of; of class activation maps
    layer_map: Array | None = None  # (n, h, w): such a map at the layer's places, not enlarged
    again: Callable[[Array], Any] | None = None  # asks once more, of x, what one walk back answered

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                object.__setattr__(self, name, np.array(value))

    @property
    def heading(self) -> str:
        """The method, and what it explains."""
        at = f" at {self.layer}" if self.layer else ""
        return f"{self.method}{at} of {self.quantity or self.unit}"

    def warn_of_zeros(self, why: str = "nothing came back to the input") -> None:
        """Warn where a map is zero everywhere, and say why."""
        dark = np.flatnonzero(self.zero)
        if dark.size:
            images = ", ".join(map(str, dark[:5])) + (", …" if dark.size > 5 else "")
            what = f"the map of image {images} is zero everywhere"
            warn(
                f"{self.heading}: {what}: {why}",
                ZeroMapWarning,
            )

    @property
    def zero(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """(n,): whether an image's map is zero everywhere."""
        return np.all(self.map.reshape(len(self.map), -1) == 0, axis=1)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.map, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        return f"Explanation({self.heading}, {self.kind} of shape {self.map.shape})"

    def plot(
        self,
        photo: Any = None,
        percentile: float | None = None,
        classes: Sequence[str] | None = None,
        overlay: bool = False,
    ) -> Picture:
        """Draw the map of every image of the batch beside its photo.

        A signal is shown in the image's channels as v/(2·max|v|) + ½, in which zero is grey. A function
        or an attribution is a heat map of its sum over the channels: red where positive, blue where
        negative, one scale for the batch. A map confined to a part of the photo is enlarged; of one
        that is zero everywhere the panel says so.

        photo: (h, w, 3) or (n, h, w, 3) uint8 RGB of x's height and width; None takes what
            `preprocess` makes of x, or without one x itself, its least value black, its largest white.
        percentile: in (0, 100], of the |values| that are not zero: they get the strongest colours in
            place of the largest; beyond, values are clipped.
        classes: the names of the model's classes.
        overlay: lay heat maps on the photo in grey.

        Raises ShapeError where x is no image (n, 1 or 3, h, w) or photo does not fit it, TypeError for
        a photo that is not uint8, ValueError for a wrong percentile or too few classes.
        """
        return side_by_side([self], photo, percentile, classes, overlay)

    def trace(
        self, against: Explanation | None = None, image: int = 0, classes: Sequence[str] | None = None
    ) -> Trace:
        """Walk back once more and show it node by node: a notebook shows a page, `.save(FILE)` writes it.

        At each node: its output as feature maps, the cotangent that arrives, the rule with its formula and
        source, what leaves, what leaked and why, and the ledger so far; at the end the map. Of methods that
        are one walk back: the gradient, DeConvNet, guided backprop, LRP and deep Taylor with any table,
        PatternNet and PatternAttribution, and your own.

        against: another explanation of the same x, to walk in step: by another method, table, or of another
            class. image: its number in the batch. classes: the names of the model's classes.

        Raises ValueError where a map was not made by one walk back, or would be another now (the model has
        changed, or the explanation was copied), and for another x; TypeError for what is no Explanation.
        """
        from minixai.methods.microscope import Trace

        image = whole_number("trace", "image", image, least=0, most=len(self.x) - 1)
        if against is not None and not isinstance(against, Explanation):
            raise TypeError(f"trace: against is {came(against)}, expected an Explanation")
        if against is not None and not np.array_equal(against.x, self.x):
            raise ValueError("trace: the explanations are of different x, expected the same")
        walks = [e._walk(image, classes) for e in (self, against) if e is not None]
        photo = self._photos(None)[image] if self._of_images else None
        return Trace(walks, photo, classes)

    @property
    def _of_images(self) -> bool:
        return self.x.ndim == 4 and self.x.shape[1] in (1, 3)

    def _walk(self, image: int, classes: Sequence[str] | None) -> Walk:
        from minixai.methods.microscope import steps_again
        from minixai.plot.microscope import Walk

        return Walk(
            self.method,
            self.kind,
            self._heading(image, classes),
            steps_again(self.again, self.method, self.x, self.map, image),
            self.map[image],
            self._images(self.map)[image] if self._of_images else None,
            self.kind == "signal",
            self.ledger is not None,
        )

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "again": None}  # a copy is the arrays, not the model

    @property
    def _subtitle(self) -> str:
        return f"{self.kind}, {self.layer}" if self.layer else self.kind

    def _images(self, values: Array) -> Array:
        """Arrays of x's shape as images (n, h, w, c), in RGB."""
        return values.transpose(0, 2, 3, 1) if self.preprocess is None else self.preprocess.rgb(values)

    def _photos(self, photo: Any) -> Array:
        """(n, h, w, 3): the photos to show."""
        n, _, h, w = self.x.shape
        if photo is not None:
            photos = np.asarray(photo)
            if photos.shape not in ((h, w, 3), (n, h, w, 3)):
                raise ShapeError(
                    f"plot: photo has shape {photos.shape}, expected {(h, w, 3)} or {(n, h, w, 3)}"
                )
            if photos.dtype != np.uint8:
                raise TypeError(f"plot: photo has dtype {photos.dtype}, expected uint8 (0 to 255)")
            return np.broadcast_to(photos, (n, h, w, 3))
        if self.preprocess is not None:
            return self.preprocess.photos(self.x)
        low, high = (edge(self.x, axis=(1, 2, 3), keepdims=True) for edge in (np.min, np.max))
        grey = (self.x - low) / np.where(high > low, high - low, 1)
        return np.broadcast_to(self._images(grey), (n, h, w, 3))

    def _heading(self, i: int, classes: Sequence[str] | None) -> tuple[str, str]:
        """Two lines: what is explained of image i, and its score."""
        from minixai.plot.maps import number

        score = number(self.score[i], 4)
        if self.kind == "control":
            return "controls", "of no trained network"
        if self.unit.layer is not None:
            return self.unit.where, f"{self.unit.which}: {score}"
        target = int(self.target[i])
        if classes is None:
            return f"class {target}", f"logit {score}"
        several_names("plot", "classes", classes)
        if target >= len(classes):
            raise ValueError(f"plot: classes has {len(classes)} names, expected one for class {target}")
        return f"{classes[target]} ({target})", f"logit {score}"


def side_by_side(
    explanations: Sequence[Explanation],
    photo: Any = None,
    percentile: float | None = None,
    classes: Sequence[str] | None = None,
    overlay: bool = False,
    title: str = "",
    common_scale: bool = False,
    with_edges: bool = False,
) -> Picture:
    """Draw explanations in one sheet: those of the same unit side by side, in rows of six.

    Every method has a scale of its own in each row, and its key below the map; controls stand in rows apart.
    With common_scale, all maps of a kind ("function", "signal", "attribution" or "control") have one, and
    explanations may be of different x: so photos can be compared. with_edges: each map has with it how like
    the image's edges it is: Spearman's rank correlation of the size of its sum over the channels with the
    image's Sobel edges; and, as a baseline, with those of the image's mirror image. The other arguments and
    errors are those of `Explanation.plot`; ValueError where there is nothing to draw, or x differs without
    common_scale or beside a photo.
    """
    from minixai.plot import maps

    if not explanations:
        raise ValueError("side_by_side: explanations is empty, expected at least one")
    of_x: list[list[Explanation]] = []
    for e in explanations:
        if e.x.ndim != 4 or e.x.shape[1] not in (1, 3):
            raise ShapeError(f"plot: x has shape {e.x.shape}, expected images (n, 1 or 3, h, w)")
        same = next((each for each in of_x if np.array_equal(each[0].x, e.x)), None)
        if same is None:
            of_x.append(same := [])
        same.append(e)
    if len(of_x) > 1 and not common_scale:
        raise ValueError(
            "side_by_side: the explanations are of different x, expected the same, or common_scale=True"
        )
    if len(of_x) > 1 and photo is not None:
        raise ValueError("side_by_side: the explanations are of different x, expected photo=None")
    batches = [maps.Batch(each[0]._photos(photo), _groups(each, classes, with_edges)) for each in of_x]
    return maps.sheet(batches, title, percentile, overlay, common_scale)


def _groups(
    explanations: Sequence[Explanation], classes: Sequence[str] | None, with_edges: bool
) -> list[Group]:
    """Explanations of the same x, those of the same unit in rows."""
    from minixai.plot.maps import NONE_ABOVE, ZERO, Group, Maps

    units: dict[Any, list[Explanation]] = {}
    for e in explanations:
        units.setdefault((e.kind == "control", e.unit, *e.target.tolist()), []).append(e)
    return [
        Group(
            [row[0]._heading(i, classes) for i in range(len(row[0].x))],
            [
                Maps(e.method, e._subtitle, e._images(e.map), e.kind == "signal", e.quantity, like, zero)
                for e in row
                for zero in [ZERO if e.layer_map is None else NONE_ABOVE]
                for like in [_likeness_to_edges(e) if with_edges else None]
            ],
        )
        for unit in (units[key] for key in sorted(units, key=lambda key: key[0]))
        for row in (unit[i : i + COLUMNS] for i in range(0, len(unit), COLUMNS))
    ]


def _likeness_to_edges(e: Explanation) -> Array:
    """(n, 2): each map's rank correlation with its image's edges, and with the edges mirrored.

    NaN where one of them is constant.
    """
    size, outline = np.abs(e.map.sum(axis=1)), edges(e.x).sum(axis=1)
    return np.stack([rank_correlation(size, each) for each in (outline, outline[:, :, ::-1])], axis=1)
