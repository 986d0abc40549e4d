"""What a layer finds alike: PCA, k-means and t-SNE of its activations beside those of the pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes

from experiments import style
from experiments.networks import Network
from minixai.data.cifar import cifar10
from minixai.evaluate import untrained
from minixai.methods import activations
from minixai.plot import Picture

IMAGES = {"cifar10_maxpool": (0, 600)}  # to fit to, none; test images
LAYERS = ("features.4", "features.10", "classifier.3")
PIXELS, CONTROL = "pixels", "classifier.3, untrained"
SHOWN = (PIXELS, "features.10", "classifier.3")
NEIGHBOURS = 10
CELLS = 15  # of a panel's side: a thumbnail each


def measure(network: Network, fit_images: int, test_images: int, folder: Path) -> dict[str, Any]:
    """How far classes are apart in the pixels and in layers, and where images lie in the planes."""
    images, labels = _drawn(test_images)
    x = network.inputs(images.transpose(0, 2, 3, 1))
    told = {layer: activations(network.model, x, layer, "mean") for layer in LAYERS}
    told[CONTROL] = activations(untrained(network.model), x, LAYERS[-1], "mean")
    rows = {PIXELS: x.reshape(len(x), -1).astype(float), **told}
    classes = network.classes
    found = {name: _embedded(each, labels, len(classes), name in SHOWN) for name, each in rows.items()}
    return {"title": network.title, "classes": list(classes), "images": len(x), "rows": found}


def _drawn(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Test images (n, 3, 32, 32) and their classes; the file has them class by class."""
    images, labels = cifar10("test")
    chosen = np.random.default_rng(0).permutation(len(images))[:count]
    return images[chosen], labels[chosen]


def _embedded(rows: np.ndarray, labels: np.ndarray, classes: int, in_planes: bool) -> dict[str, Any]:
    """Standardised as a whole: one mean a number, one scale for all."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from sklearn.metrics import adjusted_rand_score
    from sklearn.model_selection import cross_val_score
    from sklearn.neighbors import KNeighborsClassifier

    rows = (rows - rows.mean(axis=0)) / rows.std()
    clusters = KMeans(classes, n_init=4, random_state=0).fit_predict(rows)
    neighbours = KNeighborsClassifier(NEIGHBOURS)
    pca = PCA(2, random_state=0).fit(rows)
    found: dict[str, Any] = {
        "numbers": rows.shape[1],
        "rand": round(float(adjusted_rand_score(labels, clusters)), 4),
        "neighbours": round(float(cross_val_score(neighbours, rows, labels, cv=5).mean()), 4),
        "variance": round(float(pca.explained_variance_ratio_.sum()), 4),
    }
    if in_planes:
        tsne = TSNE(2, init="pca", perplexity=30, random_state=0).fit_transform(rows)
        planes = {"PCA": pca.transform(rows), "t-SNE": tsne}
        found["planes"] = {name: np.round(each, 2).tolist() for name, each in planes.items()}
    return found


def tables(results: dict[str, Any]) -> list[str]:
    """The numbers of the pixels and the layers."""
    heading = [
        "",
        "numbers",
        "k-means: adjusted Rand index",
        f"accuracy of {NEIGHBOURS} neighbours",
        "variance of two components",
    ]
    return [
        style.markdown(
            [f"{result['title']}, {result['images']} images", *heading[1:]],
            [
                [
                    name,
                    str(each["numbers"]),
                    f"{each['rand']:.2f}",
                    f"{each['neighbours']:.2f}",
                    f"{each['variance']:.2f}",
                ]
                for name, each in result["rows"].items()
            ],
        )
        for result in results.values()
    ]


def draw(results: dict[str, Any]) -> Picture:
    """Thumbnails in the planes of PCA and t-SNE, in frames of their class's colour."""
    (result,) = results.values()
    images, labels = _drawn(result["images"])
    with rc_context({**style.RC, "text.parse_math": False}):
        picture = Picture((12.8, 9.4), 150, layout="constrained")
        panels = picture.subplots(2, len(SHOWN))
        for column, name in enumerate(SHOWN):
            row = result["rows"][name]
            for axes, (plane, places) in zip(panels[:, column], row["planes"].items(), strict=True):
                _thumbnails(axes, np.array(places), images, labels)
                axes.set_title(f"{name}, {plane}", loc="left")
            panels[1, column].set_xlabel(f"k-means: Rand index {row['rand']:.2f}", loc="left")
        for k, name in enumerate(result["classes"]):
            panels[0, 0].plot([], [], "s", color=_colour(k), label=name)
        picture.legend(loc="outside lower center", ncols=5, frameon=False)
        style.title(picture, "Pixels put like colours together, the last layer like classes")
    return picture


def _colour(label: int) -> str:
    return f"C{label}"


def _thumbnails(axes: Axes, places: np.ndarray, images: np.ndarray, labels: np.ndarray) -> None:
    """The first image of every cell of the panel."""
    low, high = np.percentile(places, [1, 99], axis=0)
    cells = np.floor((places - low) / (high - low) * CELLS).astype(int)
    taken: set[tuple[int, int]] = set()
    for cell, image, label in zip(map(tuple, cells.tolist()), images, labels, strict=True):
        column, row = cell
        if cell in taken or not (0 <= column < CELLS and 0 <= row < CELLS):
            continue
        taken.add((column, row))
        box = (column + 0.06, column + 0.94, row + 0.06, row + 0.94)
        axes.imshow(image.transpose(1, 2, 0), extent=box, interpolation="bilinear")
        frame = [(box[0], box[1], box[1], box[0], box[0]), (box[2], box[2], box[3], box[3], box[2])]
        axes.plot(*frame, color=_colour(int(label)), linewidth=2)
    axes.set(xlim=(0, CELLS), ylim=(0, CELLS), xticks=[], yticks=[], aspect="equal")
    axes.spines[:].set_visible(False)
