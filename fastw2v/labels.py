"""Labels beside the points of a plot, placed so that few of them cover each other. Knows matplotlib, not words.

Each label tries eight places around its point and takes the one that overlaps least with the labels placed before and
with all points: greedy, quadratic in their number, good enough for the few hundred words that a map can show.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GAP = 4.0  # points between a dot and its label
_DOT = 2.0  # points around a dot that labels shall keep clear
# Where a label stands, the best first: the parts of its own width and height by which it is moved; where the gap is.
_PLACES = (
    (0.0, -0.5, 1, 0), (-1.0, -0.5, -1, 0), (-0.5, 0.0, 0, 1), (-0.5, -1.0, 0, -1),
    (0.0, 0.0, 1, 1), (-1.0, 0.0, -1, 1), (0.0, -1.0, 1, -1), (-1.0, -1.0, -1, -1),
)  # fmt: skip


def place_labels(ax: Axes, points: np.ndarray, labels: Sequence[str]) -> list[Any]:
    """Write a label at each point; return matplotlib's annotations, in order.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        With the points in it; its limits should be final.
    points : numpy.ndarray, shape [n, 2]
        In data coordinates.
    labels : sequence of str
    """
    size = 9.0 if len(labels) <= 100 else 7.0
    texts = [
        ax.annotate(
            label, point, xytext=(0, 0), textcoords="offset points", fontsize=size, ha="left", va="bottom"
        )
        for label, point in zip(labels, points.tolist(), strict=True)
    ]
    figure: Any = ax.figure.figure  # of a subfigure, the whole
    figure.draw_without_rendering()  # fixes the layout, on which places in the picture depend
    points_per_pixel = 72.0 / figure.dpi
    dots = ax.transData.transform(points) * points_per_pixel
    sizes = [(box.width, box.height) for box in (text.get_window_extent() for text in texts)]
    taken = np.empty((len(texts), 4))  # left, bottom, right, top of the labels that have their place
    dot_boxes = np.hstack([dots - _DOT, dots + _DOT])
    for number, (text, dot) in enumerate(zip(texts, dots, strict=True)):
        extent = np.array(sizes[number]) * points_per_pixel
        others = np.vstack([taken[:number], np.delete(dot_boxes, number, axis=0)])
        best_offset, least = np.zeros(2), np.inf
        for shift_x, shift_y, gap_x, gap_y in _PLACES:
            offset = extent * (shift_x, shift_y) + _GAP * np.array((gap_x, gap_y)) / np.hypot(gap_x, gap_y)
            overlap = _overlap(np.hstack([dot + offset, dot + offset + extent]), others)
            if overlap < least:
                best_offset, least = offset, overlap
            if overlap == 0:
                break
        taken[number] = np.hstack([dot + best_offset, dot + best_offset + extent])
        text.set_position((float(best_offset[0]), float(best_offset[1])))
    return texts


def _overlap(box: np.ndarray, others: np.ndarray) -> float:
    """Return the area that a box shares with others, summed."""
    width = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    height = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    return float((np.maximum(width, 0) * np.maximum(height, 0)).sum())
