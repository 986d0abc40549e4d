"""Explanations drawn from arrays: heat maps and signals beside the photo, each with its scale."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minixai.columns import minus
from minixai.errors import ShapeError
from minixai.plot import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

    from minixai.plot.picture import Picture

__all__ = ["Batch", "Group", "Maps", "check_percentile", "in_channels", "largest", "number", "sheet"]

ZERO = "zero everywhere:\nnothing came back\nto the input"
NONE_ABOVE = "zero everywhere:\nno place\nis above 0"
CANCELLED = "zero everywhere:\nthe channels cancel\nin the sum"
HEAT_COLOURS = "RdBu_r"
ENLARGED_BELOW = 0.75  # of the photo's side: maps confined to less are enlarged
BOX_MARGIN = 2  # pixels

DPI = 150
WIDTH, HEIGHT = 12.8, 7.2  # inches; the sheet of a large batch is longer
SMALLEST, LARGEST = 1.8, 3.6  # inches, a panel's side
MARGIN, GAP = 0.25, 0.3  # inches, around the sheet and between panels
HEADING, KEY = 0.55, 0.5  # inches, above and below a panel
BAR_GAP, BAR = 0.07, 0.1  # inches, from a panel to the bar of its colours
TITLE_SIZE, NOTE_SIZE, TICK_SIZE = 15, 11, 9
LETTER, BOLD, LINE = 0.57, 0.68, 1.4  # the width and height of a letter in type sizes


@dataclass(frozen=True)
class Maps:
    """One method's maps of a batch: values (n, h, w, c), floats, c 1 (grey) or 3 (RGB).

    signal: shown in the image's channels; otherwise as heat maps of the sum over channels.
    quantity: what they are about, where that is not what the heading says.
    edges: (n, 2), their rank correlations with the images' edges, and with those mirrored, which stand
        behind the subtitle.
    zero: what to say of a map that is zero everywhere.
    """

    title: str
    subtitle: str
    values: np.ndarray
    signal: bool
    quantity: str = ""
    edges: np.ndarray | None = None
    zero: str = ZERO

    def words(self, i: int) -> str:
        """What stands below the title of image i's map."""
        if self.edges is None:
            return self.subtitle
        like, mirrored = ("–" if np.isnan(each) else minus(f"{each:.2f}") for each in self.edges[i])
        return f"{self.subtitle}, edges {like} ({mirrored})"


@dataclass(frozen=True)
class Group:
    """Several methods' maps of the same units; for each image, the title and subtitle that name its unit."""

    headings: Sequence[tuple[str, str]]
    maps: Sequence[Maps]


@dataclass(frozen=True)
class Batch:
    """Photos (n, h, w, 3), uint8 or floats in [0, 1], RGB, and their maps, one row for each group."""

    photos: np.ndarray
    groups: Sequence[Group]


def largest(values: np.ndarray, percentile: float | None = None) -> float:
    """The largest |v|, or the percentile of the |v| that are not zero; 0 where all are."""
    magnitudes = np.abs(values[values != 0])
    if magnitudes.size == 0:
        return 0.0
    return float(magnitudes.max() if percentile is None else np.percentile(magnitudes, percentile))


def in_channels(signal: np.ndarray, limit: float) -> np.ndarray:
    """v/(2·limit) + ½, clipped to [0, 1]: a signal as an image in which zero is grey."""
    return np.clip(signal / (2 * limit) + 0.5, 0, 1)


def check_percentile(argument: str, percentile: float | None) -> None:
    """ValueError for what is no percentile: 0, more than 100, NaN."""
    if percentile is not None and not 0 < percentile <= 100:
        raise ValueError(f"{argument} is {percentile}, expected a number in (0, 100]")


def number(value: float, digits: int) -> str:
    """The value rounded to significant digits, with a true minus sign."""
    return minus(f"{float(f'{value:.{digits}g}'):g}")


def sheet(
    batches: Sequence[Batch],
    title: str = "",
    percentile: float | None = None,
    overlay: bool = False,
    common_scale: bool = False,
) -> Picture:
    """Draw the maps of batches beside the photos.

    A heat map is the sum over channels, its colours centred on 0, on one scale for the whole batch. A
    signal v is shown in the image's channels as v/(2·max|v|) + ½, each image on its own scale. Maps
    confined to a part of the photo are enlarged, and boxed in the photo. Of a map that is zero
    everywhere its panel says so.

    common_scale: one scale for all maps of the same subtitle, of all batches.
    percentile: of the |values| that are not zero, in place of the largest; values beyond are clipped.
    overlay: lay the heat maps on the photo in grey.

    Raises ValueError for a percentile outside (0, 100] or a NaN, ShapeError for a wrong shape.
    """
    check_percentile("plot: percentile", percentile)
    everything = [(batch, maps) for batch in batches for group in batch.groups for maps in group.maps]
    for batch, maps in everything:
        _check(maps, batch.photos)
    limits = _common_limits([maps for _, maps in everything], percentile) if common_scale else {}
    tiles = []
    for batch in batches:
        scaled = [
            [_scaled(maps, percentile, limits.get(_scale_of(maps))) for maps in group.maps]
            for group in batch.groups
        ]
        tiles += [_tile(i, photo, batch.groups, scaled, overlay) for i, photo in enumerate(batch.photos)]
    return _draw(tiles, title, _note([maps for _, maps in everything], tiles, percentile, common_scale))


def _check(maps: Maps, photos: np.ndarray) -> None:
    if maps.values.shape[:3] != photos.shape[:3] or maps.values.shape[3:] not in ((1,), (3,)):
        raise ShapeError(
            f"plot: {maps.title} has maps {maps.values.shape}, expected (n, h, w, 1 or 3) "
            f"beside photos {photos.shape}"
        )
    if not np.isfinite(maps.values).all():
        raise ValueError(f"plot: {maps.title} holds NaN or inf, expected finite numbers")


class _Box(NamedTuple):
    """A square of pixels."""

    top: int
    left: int
    side: int

    def crop(self, image: np.ndarray) -> np.ndarray:
        return image[self.top : self.top + self.side, self.left : self.left + self.side]


@dataclass(frozen=True)
class _PhotoPanel:
    image: np.ndarray  # (h, w, 3)
    title: str
    subtitle: str
    boxes: Sequence[_Box] = ()
    enlarged: bool = False

    def draw(self, axes: Axes) -> None:
        from matplotlib.patches import Rectangle

        axes.imshow(self.image)
        frame: dict[str, Any] = {"color": style.WARNING, "linewidth": 2}
        for box in self.boxes:
            corner = (box.left - 0.5, box.top - 0.5)
            axes.add_patch(Rectangle(corner, box.side, box.side, fill=False, **frame))
        if self.enlarged:
            axes.spines[:].set(visible=True, **frame)


@dataclass(frozen=True)
class _MapPanel:
    image: np.ndarray  # a signal (h, w, c), or a heat map (h, w)
    title: str
    subtitle: str
    limit: float  # what the strongest colours mean, ±
    empty: str  # what to say of a map without any colour
    photo: np.ndarray | None  # what a heat map is laid on

    @property
    def signal(self) -> bool:
        return self.image.ndim == 3

    def draw(self, axes: Axes) -> ScalarMappable | None:
        """Returns the scale of the colours, if there are any."""
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        if self.empty:
            axes.text(0.5, 0.5, self.empty, ha="center", va="center", transform=axes.transAxes)
            axes.spines[:].set(visible=True, linestyle=":")
            return None
        norm = Normalize(-self.limit, self.limit)
        if self.signal:
            shown = in_channels(self.image, self.limit)
            axes.imshow(np.broadcast_to(shown, (*shown.shape[:2], 3)))
            return ScalarMappable(norm, "gray")
        if self.photo is None:
            return axes.imshow(self.image, HEAT_COLOURS, norm)
        grey = self.photo.mean(axis=2)
        dark, light = grey.min(), grey.max()
        axes.imshow(grey, "gray", vmin=2 * dark - light, vmax=light)  # in the lighter half of the greys
        axes.imshow(self.image, HEAT_COLOURS, norm, alpha=np.minimum(np.abs(self.image) / self.limit, 1))
        return ScalarMappable(norm, HEAT_COLOURS)


_Panel = _PhotoPanel | _MapPanel
_Tile = list[list[_Panel | None]]  # an image's rows of panels


def _shown(maps: Maps) -> np.ndarray:
    """A signal (n, h, w, c), or heat maps (n, h, w)."""
    values = maps.values.astype(np.float64)
    return values if maps.signal else values.sum(axis=3)


def _scale_of(maps: Maps) -> tuple[str, bool, str]:
    """What maps have in common that can be compared on one scale."""
    return maps.subtitle, maps.signal, maps.quantity


def _common_limits(all_maps: Sequence[Maps], percentile: float | None) -> dict[tuple[str, bool, str], float]:
    """For all that can be compared, what the strongest colours mean."""
    values: dict[tuple[str, bool, str], list[np.ndarray]] = {}
    for maps in all_maps:
        values.setdefault(_scale_of(maps), []).append(_shown(maps).ravel())
    return {key: largest(np.concatenate(each), percentile) for key, each in values.items()}


def _scaled(maps: Maps, percentile: float | None, limit: float | None) -> tuple[np.ndarray, list[float]]:
    """The maps as they are shown, and what the strongest colours of each mean."""
    shown = _shown(maps)
    if limit is None and maps.signal:
        return shown, [largest(image, percentile) for image in shown]
    return shown, [largest(shown, percentile) if limit is None else limit] * len(shown)


def _tile(
    i: int,
    photo: np.ndarray,
    groups: Sequence[Group],
    scaled: list[list[tuple[np.ndarray, list[float]]]],
    overlay: bool,
) -> _Tile:
    """The panels of one image, a row for each group; enlarged ones need the whole photo above or beside."""
    boxes = [_box(group, i) for group in groups]
    marks = [box for box in boxes if box]
    tile: _Tile = []
    for group, columns, box in zip(groups, scaled, boxes, strict=True):
        crop = box.crop if box else np.asarray
        row: list[_Panel | None] = [
            _PhotoPanel(crop(photo), *group.headings[i], () if box else marks, box is not None)
        ]
        for maps, (shown, limits) in zip(group.maps, columns, strict=True):
            empty = "" if shown[i].any() else CANCELLED if maps.values[i].any() else maps.zero
            below = crop(photo) if overlay and not maps.signal else None
            row.append(_MapPanel(crop(shown[i]), maps.title, maps.words(i), limits[i], empty, below))
        tile.append(row)
    if all(boxes):
        whole = _PhotoPanel(photo, "photo", "", marks)
        tile = [[None if k else whole, *row] for k, row in enumerate(tile)]
    return tile


def _box(group: Group, i: int) -> _Box | None:
    """The square around all that is not zero in an image's maps, if it is worth enlarging."""
    seen = np.any([maps.values[i].any(axis=2) for maps in group.maps], axis=0)
    if not seen.any():
        return None
    places = [np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0)]
    side = 1 + 2 * BOX_MARGIN + max(int(p[-1] - p[0]) for p in places)
    if side > ENLARGED_BELOW * min(seen.shape):
        return None
    top, left = (
        int(np.clip((p[0] + p[-1] + 1 - side) // 2, 0, size - side))
        for p, size in zip(places, seen.shape, strict=True)
    )
    return _Box(top, left, side)


def _note(all_maps: Sequence[Maps], tiles: list[_Tile], percentile: float | None, common_scale: bool) -> str:
    """How to read the panels."""
    panels = [panel for tile in tiles for row in tile for panel in row if panel]
    kinds = {panel.signal for panel in panels if isinstance(panel, _MapPanel) and not panel.empty}
    parts = []
    if False in kinds:
        shared = ", one scale for all images" if len(tiles) > 1 and not common_scale else ""
        parts.append(f"Heat maps: sum over the channels{shared}; red is positive, blue negative.")
    if any(isinstance(panel, _MapPanel) and panel.photo is not None for panel in panels):
        parts.append("On the photo, stronger is more opaque.")
    if True in kinds:
        parts.append("Signals: in the image's channels; grey is zero.")
    if common_scale:
        parts.append("One scale for all maps of a kind.")
    if percentile is not None:
        parts.append(f"Clipped at percentile {percentile:g} of the |values| that are not zero.")
    if any(isinstance(panel, _PhotoPanel) and panel.enlarged for panel in panels):
        parts.append("The box is enlarged.")
    if any(maps.edges is not None for maps in all_maps):
        mirrored = "in brackets, with those of its mirror image"
        parts.append(f"Edges: rank correlation of |map| with the photo's Sobel edges; {mirrored}.")
    about = (f"{maps.title}: of the {maps.quantity}." for maps in all_maps if maps.quantity)
    return " ".join([*parts, *dict.fromkeys(about)])


@style.drawn(style.PLAIN_TEXT)
def _draw(tiles: list[_Tile], title: str, note: str) -> Picture:
    """Lay the tiles out in a grid that fills a slide as well as it can, and draw the panels."""

    from minixai.plot.picture import Picture

    rows = max(len(tile) for tile in tiles)
    columns = max(len(row) for tile in tiles for row in tile)

    def side(across: int) -> float:
        """The panels' side where so many tiles stand side by side."""
        wide = (WIDTH - 2 * MARGIN + GAP) / (across * columns) - GAP
        down = -(-len(tiles) // across)
        return min(wide, (HEIGHT - 2 * MARGIN - 3 * HEADING / 2) / (down * rows) - HEADING - KEY)

    most = int((WIDTH - 2 * MARGIN + GAP) / (columns * (SMALLEST + GAP)))
    across = max(range(1, max(1, min(len(tiles), most)) + 1), key=side)
    panel = float(np.clip(side(across), SMALLEST, LARGEST))
    right, below = panel + GAP, panel + HEADING + KEY
    width = 2 * MARGIN - GAP + across * columns * right
    title, above = _wrapped(title, TITLE_SIZE, width - 2 * MARGIN)
    note, under = _wrapped(note, NOTE_SIZE, width - 2 * MARGIN)
    height = 2 * MARGIN + above + -(-len(tiles) // across) * rows * below + under

    picture = Picture((width, height), DPI)
    picture.text(MARGIN / width, 1 - MARGIN / height, title, size=TITLE_SIZE, weight="bold", va="top")
    picture.text(MARGIN / width, MARGIN / height, note, size=NOTE_SIZE, va="bottom")
    for t, tile in enumerate(tiles):
        for r, row in enumerate(tile):
            for c, cell in enumerate(row):
                if cell is None:
                    continue
                left = MARGIN + (t % across * columns + c) * right
                bottom = height - MARGIN - above - (t // across * rows + r) * below - HEADING - panel
                axes = picture.add_axes((left / width, bottom / height, panel / width, panel / height))
                axes.set(xticks=[], yticks=[])
                axes.spines[:].set_visible(False)
                _head(axes, cell.title, cell.subtitle, right)
                if scale := cell.draw(axes):
                    bar = (left / width, (bottom - BAR_GAP - BAR) / height, panel / width, BAR / height)
                    _key(picture, picture.add_axes(bar), scale)
    return picture


def _head(axes: Axes, title: str, subtitle: str, width: float) -> None:
    """Two lines above a panel, smaller where they are longer than its width in inches."""
    for text, size, above, weight in (
        (title, style.TEXT_SIZE, 18, "bold"),
        (subtitle, NOTE_SIZE, 4, "normal"),
    ):
        text = style.drawable(text)
        letter = BOLD if weight == "bold" else LETTER
        fitting = 72 * width / (letter * max(len(text), 1))
        axes.annotate(
            text,
            (0.5, 1),
            (0, above),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="center",
            size=min(size, fitting),
            weight=weight,
        )


def _key(picture: Picture, axes: Axes, scale: ScalarMappable) -> None:
    """A bar of the colours, with the values at its ends and in the middle."""
    low, high = scale.get_clim()
    picture.colorbar(scale, cax=axes, orientation="horizontal", ticks=[low, 0, high])
    axes.spines["outline"].set_visible(False)
    labels = axes.set_xticklabels([number(low, 2), "0", number(high, 2)], size=TICK_SIZE)
    labels[0].set_horizontalalignment("left")
    labels[-1].set_horizontalalignment("right")


def _wrapped(text: str, size: float, width: float) -> tuple[str, float]:
    """A text in lines of a width in inches, and the height it then takes."""
    lines = textwrap.wrap(style.drawable(text), int(72 * width / (LETTER * size)), break_on_hyphens=False)
    return "\n".join(lines), len(lines) * LINE * size / 72
