"""One ventricle over slices and frames: ghosts go, the heart stays."""

import numpy as np
import pytest

from cmrpipe.learn.borders import Drawing
from cmrpipe.learn.voting import SURE, Opinion
from cmrpipe.model import Points
from cmrpipe.predict.contouring import BESIDE_WHY, Place, consistent, contour
from cmrpipe.raster import area_coverage

FRAMES = (1, 2, 3, 4)
SHRINK = (1.0, 0.8, 0.7, 0.9)


def ring(x: float, y: float, radius: float) -> Points:
    """A circle."""
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    return np.column_stack([x + radius * np.cos(angle), y + radius * np.sin(angle)])


def heart(radius: float, x: float = 40, y: float = 32) -> Drawing:
    """Both borders."""
    return Drawing(ring(x, y, radius), ring(x, y, radius + 5))


def ventricle(radii: tuple[float, ...] = (12, 12, 11, 9, 6)) -> dict[Place, list[Drawing]]:
    """A beating one, base first."""
    return {
        Place(s, f): [heart(radius * shrink)]
        for s, radius in enumerate(radii)
        for f, shrink in zip(FRAMES, SHRINK, strict=True)
    }


def test_a_ventricle_stays_as_it_is() -> None:
    """Nothing is removed from what is consistent."""
    candidates = ventricle()
    drawings, removed = consistent(candidates)
    assert removed == []
    assert all(drawings[place] is candidates[place][0] for place in candidates)


def test_a_larger_ghost_beside_it_is_not_taken() -> None:
    """In outer slices nearness counts, not size; and a ghost alone in an image is nothing."""
    candidates = ventricle()
    for frame in FRAMES:
        candidates[Place(4, frame)].insert(0, heart(10, x=70))
        candidates[Place(5, frame)] = [heart(10, x=70)]
    drawings, _ = consistent(candidates)
    for frame in FRAMES:
        assert drawings[Place(4, frame)] is candidates[Place(4, frame)][1]
        assert drawings[Place(5, frame)].endo is None


def test_a_ventricle_that_leans_is_followed_from_slice_to_slice() -> None:
    """Its ends lie beside its middle slice, by more than that is wide."""
    candidates = {
        Place(s, f): [heart(float(np.sqrt(found[0].area / np.pi)), x=40 + 5 * s)]
        for (s, f), found in ventricle((11, 12, 13, 11, 9, 7)).items()
    }
    drawings, removed = consistent(candidates)
    assert removed == []
    assert all(drawings[place] is candidates[place][0] for place in candidates)


def test_a_ventricle_that_leans_in_one_frame_alone_is_followed_from_where_it_is_there() -> None:
    """In both directions; where the others are at that moment is too far away."""
    candidates = ventricle((12, 13, 12, 11, 9))
    for index, x in enumerate((55, 48, 41)):
        candidates[Place(index, 3)] = [heart(9, x=x)]
    drawings, _ = consistent(candidates)
    assert all(drawings[Place(index, 3)] is candidates[Place(index, 3)][0] for index in range(3))


def test_where_the_middle_slice_shows_nothing_the_others_are_looked_for_where_it_lies_in_other_frames() -> None:
    """Within its radius, and no further."""
    candidates = ventricle((12, 13, 12, 11, 9))
    candidates[Place(1, 2)] = []
    candidates[Place(0, 2)] = [heart(5, x=51)]
    candidates[Place(2, 2)] = [heart(5, x=57)]
    drawings, _ = consistent(candidates)
    assert drawings[Place(0, 2)] is candidates[Place(0, 2)][0]
    assert drawings[Place(2, 2)].endo is None


@pytest.mark.parametrize(("first", "step"), [(3, 30.0), (0, -25.0), (2, 60.0)])
def test_a_field_of_view_that_moved_is_no_heart_that_did(first: int, step: float) -> None:
    """Where headers say that first pixels do not lie behind one another, the ventricle is followed in the patient."""
    candidates = {
        Place(s, f): [heart(float(np.sqrt(found[0].area / np.pi)), x=40 + step * (s >= first))]
        for (s, f), found in ventricle().items()
    }
    offsets = {s: (-step * (s >= first), 0.0) for s in range(5)}
    drawings, removed = consistent(candidates, offsets)
    assert removed == []
    assert all(drawings[place] is candidates[place][0] for place in candidates)


def test_a_large_cavity_out_of_reach_behind_the_ventricle_is_told() -> None:
    """It may be the ventricle, where the heart moved between two slices; it is not taken, and not passed over."""
    candidates = ventricle()
    for place, found in candidates.items():
        if place.slice_index >= 3:
            candidates[place] = [heart(float(np.sqrt(found[0].area / np.pi)), x=75)]
    drawings, removed = consistent(candidates)
    assert [(item.slice_index, item.why) for item in removed] == [(3, BESIDE_WHY)]
    assert all((drawings[place].endo is None) == (place.slice_index >= 3) for place in candidates)


def test_a_small_cavity_out_of_reach_is_a_ghost() -> None:
    """Such as is often seen beyond the apex: far smaller than the ventricle is wide, though not than its end."""
    candidates = ventricle()
    for frame in FRAMES:
        candidates[Place(5, frame)] = [heart(5.5, x=70)]
    assert consistent(candidates)[1] == []


def test_a_heart_that_a_breath_moved_is_found_in_all_frames() -> None:
    """Between two slices, by more than the cavity's radius at end-systole and less than that at end-diastole."""
    candidates = {place: found for place, found in ventricle().items() if place.frame in {1, 3}}
    for index, radius in ((3, 9.0), (4, 6.0)):
        candidates[Place(index, 1)] = [heart(radius, x=49)]
        candidates[Place(index, 3)] = [heart(radius * 0.7, x=49)]
    drawings, removed = consistent(candidates)
    assert removed == []
    assert all(drawings[place] is candidates[place][0] for place in candidates)


def test_a_cavity_of_some_moments_is_beyond_the_apex() -> None:
    """Found in two frames of four."""
    candidates = ventricle() | {Place(5, frame): [heart(3)] if frame < 3 else [] for frame in FRAMES}
    drawings, removed = consistent(candidates)
    assert [(item.slice_index, item.why) for item in removed] == [(5, "a cavity in half of the frames or fewer")]
    assert drawings[Place(5, 1)].endo is None


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_a_slice_in_the_middle_in_which_little_is_found_does_not_cut_the_ventricle(frames: int) -> None:
    """What lies behind it is no small part of the whole: it stays, and so does what was found in that slice."""
    candidates = ventricle()
    for frame in FRAMES[frames:]:
        candidates[Place(2, frame)] = []
    drawings, removed = consistent(candidates)
    assert removed == []
    assert all(drawings[place].endo is not None for place in candidates if place.slice_index != 2)
    assert sum(drawings[Place(2, frame)].endo is not None for frame in FRAMES) == frames


def test_a_little_behind_a_slice_without_a_cavity_is_beyond_the_apex() -> None:
    """Far smaller than the ventricle, in all frames; right behind it the same is the apex."""
    small = {Place(6, frame): [heart(3)] for frame in FRAMES}
    drawings, removed = consistent(ventricle() | {Place(5, frame): [] for frame in FRAMES} | small)
    assert [(item.slice_index, item.why) for item in removed] == [(6, "apart from the rest")]
    assert drawings[Place(6, 1)].endo is None
    assert consistent(ventricle((12, 12, 11, 9, 6, 5)) | small)[1] == []


def test_what_lies_behind_two_slices_without_a_cavity_is_held_against_all_before_it() -> None:
    """No small part of the piece right before it, and of the whole it is."""
    found = ventricle((12, 12, 12, 0, 9, 0, 4))
    drawings, removed = consistent({p: [] if p.slice_index in (3, 5) else one for p, one in found.items()})
    assert [(item.slice_index, item.why) for item in removed] == [(6, "apart from the rest")]
    assert drawings[Place(4, 1)].endo is not None


def test_a_small_apex_may_be_closed_in_one_of_two_frames() -> None:
    """Where only end-diastole and end-systole are there, one of them is enough; none is not."""
    candidates = {place: found for place, found in ventricle().items() if place.frame in {1, 3}}
    candidates |= {Place(5, 1): [heart(3)], Place(5, 3): [], Place(6, 1): [heart(3)], Place(7, 1): []}
    drawings, removed = consistent(candidates)
    assert removed == []
    assert drawings[Place(5, 1)] is candidates[Place(5, 1)][0]
    assert drawings[Place(6, 1)] is candidates[Place(6, 1)][0]


def test_an_atrium_grows_while_the_ventricle_shrinks() -> None:
    """As wide as the ventricle, at the wide end, whichever end of the stack that is."""
    body = ventricle()
    atrium = {Place(5, f): [heart(11 * grow)] for f, grow in zip(FRAMES, (1, 1.05, 1.1, 1.05), strict=True)}
    turned = {Place(4 - place.slice_index, place.frame): found for place, found in body.items()}
    drawings, removed = consistent(turned | atrium)
    assert [item.slice_index for item in removed] == [5]
    assert "atrium" in removed[0].why
    assert drawings[Place(5, 3)].endo is None
    assert drawings[Place(4, 3)].endo is not None


def test_an_infarcted_apex_that_bulges_stays() -> None:
    """Growth towards end-systole is held against the base only."""
    candidates = ventricle()
    for frame, grow in zip(FRAMES, (1, 1.05, 1.1, 1.05), strict=True):
        candidates[Place(4, frame)] = [heart(6 * grow)]
    assert consistent(candidates)[1] == []


def test_a_heart_that_hardly_pumps_loses_no_slice_for_it() -> None:
    """Where nothing shrinks, nobody can tell an atrium by growth."""
    still = {place: [heart(12)] for place in ventricle()}
    assert consistent(still)[1] == []


def test_a_far_narrower_slice_at_the_base_is_beyond_it() -> None:
    """Half as wide as the next one; the same at the apex is an apex."""
    candidates = ventricle((8, 12, 12, 11, 9, 6))
    drawings, removed = consistent(candidates)
    assert [item.slice_index for item in removed] == [0]
    assert drawings[Place(5, 1)].endo is not None


def test_a_basal_cavity_without_wall_is_beyond_the_base() -> None:
    """An atrium that keeps its size has no muscle about it; at the apex the same stays."""
    bare = {frame: Drawing(ring(40, 32, 12), ring(40, 32, 12.5)) for frame in FRAMES}
    candidates = ventricle((12, 12, 12, 11, 9, 6)) | {Place(0, frame): [drawing] for frame, drawing in bare.items()}
    drawings, removed = consistent(candidates)
    assert [(item.slice_index, "wall" in item.why) for item in removed] == [(0, True)]
    assert drawings[Place(1, 1)].endo is not None
    thin = {Place(5, frame): [Drawing(ring(40, 32, 6), ring(40, 32, 6.2))] for frame in FRAMES}
    assert consistent(ventricle((12, 12, 12, 11, 9, 6)) | thin)[1] == []


@pytest.mark.parametrize(
    ("of", "share", "goes"),
    [("cavity", 0.68, True), ("cavity", 0.76, False), ("wall", 0.46, True), ("wall", 0.54, False)],
)
def test_how_narrow_or_thin_a_basal_slice_may_be(of: str, share: float, goes: bool) -> None:
    """0.72 of the next slice's cavity, and half of its wall."""
    candidates = ventricle((12, 12, 12, 11, 9, 6))
    for frame, shrink in zip(FRAMES, SHRINK, strict=True):
        radius = 12 * shrink
        outer = float(np.sqrt(radius**2 + share * ((radius + 5) ** 2 - radius**2)))
        thin, narrow = Drawing(ring(40, 32, radius), ring(40, 32, outer)), heart(float(radius * np.sqrt(share)))
        candidates[Place(0, frame)] = [thin if of == "wall" else narrow]
    told = consistent(candidates)[1]
    assert [(item.slice_index, "wall" in item.why) for item in told] == [(0, of == "wall")] * goes


def test_of_two_slices_none_is_beyond_the_base() -> None:
    """However narrow the first: one slice alone is no ventricle; of three the first goes."""
    assert consistent(ventricle((8, 12)))[1] == []
    assert [item.slice_index for item in consistent(ventricle((8, 12, 7)))[1]] == [0]


def test_a_narrow_slice_in_the_middle_is_not_beyond_the_base() -> None:
    """The base is looked for in the third of the slices that it may be in."""
    assert consistent(ventricle((12, 8, 12, 12, 9)))[1] == []


def test_a_large_cavity_outside_a_slice_beyond_the_base_is_not_told_of() -> None:
    """The ventricle ends where its last slice is; what went at both ends is told from base to apex."""
    candidates = ventricle((12, 8, 12, 12, 11, 9, 6))
    for frame in FRAMES:
        candidates[Place(0, frame)] = [heart(10, x=75)]
        candidates[Place(7, frame)] = [heart(3)] if frame == 1 else []
    assert [item.slice_index for item in consistent(candidates)[1]] == [1, 7]


def test_what_lies_outside_a_slice_beyond_the_base_goes_with_it() -> None:
    """Two slices above the base that are alike, and far narrower than the ventricle."""
    for outer in (8, 6):
        _, removed = consistent(ventricle((outer, 8.2, 12, 12, 11, 10, 8, 5)))
        assert [item.slice_index for item in removed] == [0, 1]


def test_an_image_that_is_not_there_is_not_an_empty_one() -> None:
    """Its frame is no end-systole for it, at which a base that is drawn too wide would be taken for an atrium."""
    radii = (12, 12, 11, 10, 9, 8, 6)
    candidates = ventricle(radii)
    for index, radius in enumerate(radii):
        candidates[Place(index, 2)] = [heart(radius * (1.03 if index == 0 else 0.70))]
        candidates[Place(index, 3)] = [heart(radius * 0.72)]
    assert consistent(candidates)[1] == []
    del candidates[Place(1, 2)]
    assert consistent(candidates)[1] == []


def test_borders_come_from_probabilities() -> None:
    """The endocardium of the cavity, the epicardium around it, to a fraction of a pixel; specks are nothing."""
    shape = (64, 80)
    layers = [np.rint(SURE * area_coverage(ring(40, 32, radius), shape)).astype(np.uint8) for radius in (10, 15)]
    speck = layers[0].copy()
    speck[2:4, 2:5] = SURE
    drawings, _ = contour({Place(0, 1): Opinion(speck, layers[1], 1.0)})
    found = drawings[Place(0, 1)]
    for points, radius in ((found.endo, 10), (found.epi, 15)):
        assert points is not None
        assert np.hypot(points[:, 0] - 40, points[:, 1] - 32) == pytest.approx(radius, abs=0.3)


def test_a_hole_in_a_cavity_is_no_ventricle() -> None:
    """A papillary muscle that the network sees, right where the next slice's ventricle has its middle."""
    shape = (64, 80)

    def disc(x: float, radius: float) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        return np.rint(SURE * area_coverage(ring(x, 32, radius), shape)).astype(np.uint8)

    told = {Place(0, f): Opinion(disc(40, 14), disc(40, 20), 1.0) for f in (1, 2)}
    told |= {Place(1, f): Opinion(disc(43, 12), disc(43, 18), 1.0) for f in (1, 2)}
    told[Place(1, 2)] = Opinion(disc(43, 12) - disc(40, 3), disc(43, 18), 1.0)
    drawings, removed = contour(told)
    assert removed == []
    assert drawings[Place(1, 2)].area == pytest.approx(drawings[Place(1, 1)].area, rel=0.01)


def test_nothing_is_found_in_nothing() -> None:
    """No image, an empty image, and a speck."""
    assert contour({}) == ({}, [])
    empty = np.zeros((20, 20), np.uint8)
    speck = empty.copy()
    speck[3:5, 3:5] = SURE
    for layer in (empty, speck):
        drawings, removed = contour({Place(0, 1): Opinion(layer, layer, 1.0)})
        assert drawings[Place(0, 1)].endo is None
        assert removed == []
