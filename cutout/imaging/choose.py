"""Keep one of several subjects: by points on it and points beside it, or by a box around it.

No network is asked. An alpha falls into pieces; a piece that holds several subjects falls into
parts where it has a neck, and the borders between them follow the image's: a pixel belongs to the
part from which the path to it, inside the piece, crosses the least change of colour (a geodesic
distance; Bai, Sapiro, "Geodesic Matting", IJCV 2009). Parts of one colour are one, and so is a part
with its limbs: small parts that have no other neighbour.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.imaging.box import Box, Point, Size
from cutout.imaging.geodesic import FAR, color_distance, geodesic_distances
from cutout.imaging.preprocess import Alpha, Image, resize

Mask = NDArray[np.bool_]
Maps = NDArray[np.float32]

MAX_SIDE = 256  # pixels that are looked at; networks see no finer
CORE = 0.4  # pieces are told apart by where the alpha is above this
REACH = 0.04  # of the longer side: how far beside a piece a point still means it
NECK = 0.75  # share of a part's own depth below which the way to its neighbour is a neck
SHALLOW = 0.35  # share of the piece's greatest depth below which nothing is a part of its own
COLUMN = 0.75  # of the greater depth: parts one above the other, so near, are one (head and body)
FILLED = 0.6  # share of its depth around its middle that surely belongs to a part
CLEAR = 0.4  # of the way from a core to a point of the other sign: what surely goes with the core
PARTS = 16
SAME = 0.06  # median change of colour along a border below which it is none
LIMB = 0.4  # share of its only neighbour's area below which a part is a limb of it
WEAK = 0.12  # share of a box below which the image alone has to say what is in it
BORDER = 0.15  # share of a box's sides, at each side of its middle, that has to be told apart
TIGHT = 0.5  # how much shorter a way to the middle counts than one to the border: boxes are tight
SPARE = 2  # pixels that are kept around a box, so that its border is no edge to be refined
HALO = 9  # pixels: how far the soft edge of what is kept reaches


@dataclass(frozen=True)
class Choice:
    """What a caller says of the subject that is meant, in pixels of the upright image.

    `kept` are points on it, `dropped` points on what is not meant, and `box` is a box around it.
    """

    kept: tuple[Point, ...]
    dropped: tuple[Point, ...]
    box: Box | None = None

    def within(self, region: Box) -> "Choice":
        """Return the choice in the pixel coordinates of a region of the image."""
        kept, dropped = (
            tuple(Point(x - region.left, y - region.top) for x, y in points)
            for points in (self.kept, self.dropped)
        )
        return Choice(kept, dropped, self.box and self.box.moved(-region.left, -region.top))

    def rescaled(self, source: Size, target: Size) -> "Choice":
        """Convert from pixels of an image at size `source` to pixels of it at size `target`."""
        across, down = target.width / source.width, target.height / source.height
        kept, dropped = (
            # From the centre of the pixel; rounded down, which stays inside of the target.
            tuple(Point(int((x + 0.5) * across), int((y + 0.5) * down)) for x, y in points)
            for points in (self.kept, self.dropped)
        )
        return Choice(kept, dropped, self.box and self.box.rescaled(source, target))


def choose(alpha: Alpha, image: Image, choice: Choice) -> Alpha:
    """Keep the part of an alpha that a choice means, and set the rest to 0.

    `alpha` and the result are (h, w) float32 in [0, 1]. `image` (H, W, 3) uint8 RGB, which may have
    another size, is the one whose pixels `choice` counts.

    A point counts for the part that it lies on, or nearly. Parts with a point in `kept` are kept;
    without any such point those whose middle is in the box, and without a box all of them; but none
    with a point in `dropped`. Where a part has both, it is divided between them. Outside of the box
    nothing is kept but SPARE pixels; where the alpha holds next to nothing of the box, the image
    alone tells what is in it.
    """
    height, width = alpha.shape
    small = Size(width, height).limited(MAX_SIDE)
    seen = cv2.resize(alpha, small, interpolation=cv2.INTER_AREA)
    inside = np.asarray(seen > CORE, np.bool_)
    scene = _Scene(inside, resize(image, *small))
    chosen = choice.rescaled(Size(image.shape[1], image.shape[0]), small)
    kept = scene.kept(chosen)
    if chosen.box is not None and _share(kept, chosen.box) < WEAK:
        kept = scene.enclosed(chosen, chosen.box)
        alpha = np.maximum(alpha, _enlarged(kept, width, height))
    away = _distance(kept)
    # A soft edge, which `inside` lacks, goes with what it is nearer to, kept or not.
    near = (away <= _distance(inside & ~kept)) & (away <= HALO)
    return alpha * _enlarged(near, width, height)


def _enlarged(mask: Mask, width: int, height: int) -> Maps:
    """Resize a mask (h, w) to (height, width) float32, 0 and 1, by the nearest neighbour."""
    size = (width, height)
    # bool and uint8 both have one byte: a view, not a copy, as everywhere here.
    near = cv2.resize(mask.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(near, np.float32)


def _share(mask: Mask, box: Box) -> float:
    """Return the share of a box that a mask covers."""
    return float(np.count_nonzero(mask)) / max(1, box.width * box.height)


class _Scene:
    """What there is to choose from: a mask (h, w), and an image (h, w, 3) uint8 RGB of its size."""

    def __init__(self, inside: Mask, image: Image) -> None:
        self.inside = inside
        self._image = np.asarray(image, np.float32) * np.float32(1 / 255)

    def kept(self, choice: Choice) -> Mask:
        """Return the mask (h, w) of the parts that a choice, in pixels of this scene, keeps."""
        kept, dropped = (
            # A Point is a tuple of two, so true even at (0, 0): only None is left out.
            tuple(filter(None, _snapped(self.inside, points)))
            for points in (choice.kept, choice.dropped)
        )
        # Without a point to drop, points divide no piece: a click keeps its whole part.
        parts, groups = self._parts((*kept, *dropped), divide=bool(dropped))
        wanted = {int(parts[point.y, point.x]) for point in kept}
        unwanted = {int(parts[point.y, point.x]) for point in dropped}
        # Of `choice`, not `kept`: points that all lie beside everything keep nothing, not
        # everything.
        if not choice.kept:
            wanted = _by_box(parts, groups, choice.box) - unwanted
        answer = np.isin(parts, list(wanted)) & self.inside
        for part in wanted & unwanted:
            here = (parts == part) & self.inside
            cores = groups[part] if part >= 0 else []  # a piece too small to have a core
            answer[here] = self._divided(here, cores, kept, dropped)[here]
        if choice.box is not None:
            answer &= _filled(choice.box.grown(SPARE, SPARE, SPARE, SPARE), answer.shape)
        return answer

    def enclosed(self, choice: Choice, box: Box) -> Mask:
        """Find what a box holds by the image alone, where the alpha has nothing there.

        Returns a mask (h, w) of the pixels that are nearer in colour to the middle of the box than
        to its border.
        """
        inside = _filled(box, self.inside.shape)
        # Clockwise from the top, as `grown` wants it, so height before width; inwards.
        middle = box.grown(*[-round(BORDER * side) for side in (box.height, box.width) * 2])
        rim = inside & ~_filled(box.grown(-1, -1, -1, -1), inside.shape)
        seeds = np.stack([_filled(middle, inside.shape), rim])
        # Each `seed` is a view of `seeds`, and is changed in place.
        for seed, points in zip(seeds, (choice.kept, choice.dropped), strict=True):
            seed |= _discs([(point, 0.0) for point in points], inside)
        to_middle, to_rim = geodesic_distances(seeds, self._image, inside)
        return np.asarray(inside & (TIGHT * to_middle <= to_rim), np.bool_)

    def _parts(
        self, points: tuple[Point, ...], *, divide: bool
    ) -> "tuple[NDArray[np.int32], list[list[Core]]]":
        """Return the number of each pixel's part (h, w), and the cores of each part.

        It is -1 outside, and in pieces without a core. A point in (h, w) that lies in such a piece
        is a core of its own; with `divide`, so is one that lies away from all cores of its piece.
        """
        groups = _cores(self.inside)
        groups += _cores_at(points, self.inside, groups, divide=divide)
        parts = np.full(self.inside.shape, -1, np.int32)
        if groups:
            seeds = np.stack([_discs(group, self.inside) for group in groups])
            distances = geodesic_distances(seeds, self._image, self.inside)
            reached = self.inside & (distances.min(axis=0) < FAR)
            parts[reached] = distances.argmin(axis=0)[reached]
        hosts = _hosts(parts, self._image, len(groups))
        joined: list[list[Core]] = [[] for _ in groups]
        for host, group in zip(hosts, groups, strict=True):
            joined[host] += group
        return np.array([*hosts, -1], np.int32)[parts], joined  # -1 stays -1

    def _divided(
        self,
        part: Mask,
        cores: "list[Core]",
        kept: tuple[Point, ...],
        dropped: tuple[Point, ...],
    ) -> Mask:
        """Return which pixels of a part are nearer to the kept points than to the dropped ones.

        A core goes with the point nearest to it, so that a point beside a large part takes little;
        CLEAR says how much of a core, which may reach into another subject.
        """
        seeds = np.zeros((2, *part.shape), np.bool_)
        for seed, points, others in zip(seeds, (kept, dropped), (dropped, kept), strict=True):
            own = [
                (at, min(depth, CLEAR * _away((at, depth), others) ** 0.5))
                for at, depth in cores
                if _away((at, depth), points) <= _away((at, depth), others)
            ]
            seed[:] = _discs([*own, *((point, 0.0) for point in points)], part)
        # A dropped point may lie in a kept core: at distance 0 from both, the tie would keep it.
        for point in dropped:
            seeds[0, point.y, point.x] = False
        to_kept, to_dropped = geodesic_distances(seeds, self._image, part)
        return np.asarray(to_kept <= to_dropped, np.bool_)


Core = tuple[Point, float]
"""The middle of a part, and its depth: the distance to the edge of its piece, in pixels."""


def _cores(inside: Mask) -> list[list[Core]]:
    """Return the cores of each part; parts one above the other are one."""
    depth = _depth(inside)
    found: list[list[Core]] = []
    # Every second pixel: `_peaks` is a loop in Python over each of them.
    for peaks in _peaks(depth[::2, ::2]):
        groups: list[list[Core]] = []
        for x, y in peaks:
            core = (Point(2 * x, 2 * y), float(depth[2 * y, 2 * x]))
            stacked = [group for group in groups if any(_is_stacked(core, one) for one in group)]
            groups = [group for group in groups if group not in stacked]
            groups.append([core, *(one for group in stacked for one in group)])
        found += groups
    deepest = sorted(found, key=lambda group: -max(depth for _, depth in group))
    return deepest[:PARTS]


def _cores_at(
    points: Iterable[Point], inside: Mask, groups: list[list[Core]], *, divide: bool
) -> list[list[Core]]:
    """Return a core for each point whose piece has none, as it is small, or one of many.

    With `divide`, also for each that is not above, below or near a core of its piece: where several
    subjects stand side by side without a neck between them, the shape alone does not tell that the
    one that is meant is there.
    """
    _, pieces = cv2.connectedComponents(inside.view(np.uint8))
    depth = _depth(inside)
    cores = [core for group in groups for core in group]
    added: list[Core] = []
    for point in points:
        core = (point, float(depth[point.y, point.x]))
        # A Point is (x, y); reversed it is the index of its row and column.
        piece = [one for one in (*cores, *added) if pieces[one[0][::-1]] == pieces[point[::-1]]]
        if not piece or (divide and not any(_is_stacked(core, one) for one in piece)):
            added.append(core)
    return [[core] for core in added]


def _depth(inside: Mask) -> Maps:
    """Return the distance of each pixel (h, w) to the edge of the mask, float32, in pixels."""
    # Only pixels of 0 count as an edge: without a border of them the image's own would be none.
    padded = np.pad(inside, 1).view(np.uint8)
    return np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1], np.float32)


def _is_stacked(one: Core, other: Core) -> bool:
    (at, depth), (there, other_depth) = one, other
    return abs(at.x - there.x) <= COLUMN * max(depth, other_depth)


def _peaks(depth: Maps) -> list[list[Point]]:
    """Return, for each piece of a depth map (h, w), its peaks with a neck between any two.

    The piece with the highest peak comes first. A watershed: pixels are visited from the highest
    down, and each joins the peaks that it touches. Where two peaks meet that stand at least as high
    above the pass as NECK says, both stay.
    """
    # The border of 0 gives every pixel eight neighbours in the flat list.
    padded = np.pad(depth, 1)
    width = padded.shape[1]
    level: list[float] = padded.ravel().tolist()
    near = (-width - 1, -width, 1 - width, -1, 1, width - 1, width, width + 1)
    parent = [-1] * len(level)

    def root(pixel: int) -> int:
        while parent[pixel] != pixel:
            # Halves the path, so that chains of parents stay short.
            parent[pixel] = parent[parent[pixel]]
            pixel = parent[pixel]
        return pixel

    peaks: dict[int, list[int]] = {}
    # Stable, so that equal depths keep the order of pixels; the zeros, outside, come last.
    order = np.argsort(-padded.ravel(), kind="stable")[: int(np.count_nonzero(padded))]
    for pixel in order.tolist():
        met = {root(pixel + step) for step in near if parent[pixel + step] >= 0}
        highest = max(met, key=lambda peak: level[peak], default=pixel)
        parent[pixel] = highest
        if not met:
            peaks[pixel] = [pixel]
        for peak in met - {highest}:
            own = peaks.pop(peak)
            parent[peak] = highest
            if len(own) > 1 or level[pixel] < NECK * level[peak]:
                peaks[highest] += own
    return [
        [
            Point(peak % width - 1, peak // width - 1)
            for peak in found
            if level[peak] >= SHALLOW * level[highest]
        ]
        for highest, found in peaks.items()
    ]


Borders = dict[tuple[int, int], list[float]]
"""The changes of colour, pixel by pixel, along the border of each two neighbouring parts."""


def _hosts(parts: NDArray[np.int32], image: Maps, count: int) -> list[int]:
    """Find the part that each part belongs to: itself, or a neighbour to which it is joined.

    Joined are parts with no change of colour along the border between them, and limbs.
    """
    hosts = list(range(count))
    borders = _borders(parts, image)
    areas = np.bincount(parts[parts >= 0], minlength=count)

    def join(one: int, other: int) -> None:
        small, large = sorted((one, other), key=lambda part: areas[part])
        areas[large] += areas[small]
        # In place: a plain assignment would make a local of `hosts`.
        hosts[:] = [large if host == small else host for host in hosts]

    for (one, other), steps in borders.items():
        if hosts[one] != hosts[other] and np.median(steps) < SAME:
            join(hosts[one], hosts[other])
    while (limb := _limb(hosts, borders, areas)) is not None:
        join(*limb)
    return hosts


def _limb(hosts: list[int], borders: Borders, areas: NDArray[np.intp]) -> tuple[int, int] | None:
    """Return a part with a single neighbour, which is far larger, and that neighbour."""
    pairs = {(hosts[one], hosts[other]) for one, other in borders}
    for part in set(hosts):
        near = {other for pair in pairs if part in pair for other in pair} - {part}
        if len(near) == 1 and areas[part] < LIMB * areas[min(near)]:
            return part, min(near)
    return None


def _borders(parts: NDArray[np.int32], image: Maps) -> Borders:
    found: Borders = {}
    for here, there in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1])):
        one = parts[here]
        other = parts[there]
        border = (one != other) & (one >= 0) & (other >= 0)
        steps = color_distance(image[here][border], image[there][border])
        low, high = np.minimum(one, other)[border], np.maximum(one, other)[border]
        for a, b, step in zip(low.tolist(), high.tolist(), steps.tolist(), strict=True):
            found.setdefault((a, b), []).append(step)
    return found


def _discs(cores: list[Core], inside: Mask) -> Mask:
    """Return the sure pixels of a part: a disc around each of its cores."""
    mask = np.zeros(inside.shape, np.uint8)
    for point, depth in cores:
        # A radius of 0 still draws the one pixel, which a point without depth needs.
        cv2.circle(mask, point, int(FILLED * depth), 1, -1)
    return np.asarray((mask > 0) & inside, np.bool_)


def _away(core: Core, points: Iterable[Point]) -> float:
    """Return the distance, squared, from the middle of a core to the nearest point."""
    (x, y), _ = core
    return min(((x - point.x) ** 2 + (y - point.y) ** 2 for point in points), default=np.inf)


def _snapped(inside: Mask, points: Iterable[Point]) -> Iterable[Point | None]:
    """Yield each point, moved to the nearest pixel inside; None where that is far away."""
    rows, columns = np.nonzero(inside)
    for x, y in points:
        square = (columns - x) ** 2 + (rows - y) ** 2
        nearest = int(square.argmin()) if len(square) else -1
        if nearest < 0 or square[nearest] > (REACH * max(inside.shape)) ** 2:
            yield None
        else:
            yield Point(int(columns[nearest]), int(rows[nearest]))


def _by_box(parts: NDArray[np.int32], groups: list[list[Core]], box: Box | None) -> set[int]:
    """Return the parts with a core in the box, or else the largest in it; all without a box.

    -1, the pieces without a core, is among all, and alone where the box holds nothing else.
    """
    numbers = range(len(groups))
    if box is None:
        return {*numbers, -1}
    inside = _filled(box, parts.shape)
    central = {part for part in numbers if any(inside[y, x] for (x, y), _ in groups[part])}
    held = np.bincount(parts[inside & (parts >= 0)], minlength=1)
    return central or ({int(held.argmax())} if held.any() else {-1})


def _filled(box: Box, shape: tuple[int, ...]) -> Mask:
    mask = np.zeros(shape, np.bool_)
    # Beyond the last pixel numpy clips by itself; a negative start would count from the end.
    mask[max(0, box.top) : max(0, box.bottom), max(0, box.left) : max(0, box.right)] = True
    return mask


def _distance(mask: Mask) -> Maps:
    """Return the distance of each pixel to the nearest one of a mask; FAR where that is empty."""
    # Without a pixel of 0 to measure from, OpenCV gives 3.4e38 everywhere.
    if not mask.any():
        return np.full(mask.shape, FAR)
    return np.asarray(cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, 5), np.float32)
