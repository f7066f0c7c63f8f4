"""The same image in two patients: one patient under two ids, or images that were copied into another's folder.

Equal pixels, or one SOPInstanceUID, in two patients of the set. Headers do not tell which is the copy, so the labels of
such images are in doubt in both. Of every patient `marks` are kept; only patients that share one are looked at again,
and nothing is said of equal checksums before pixels were compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

from cmrpipe.checks.finding import of_patient
from cmrpipe.codes import FindingCode as Code
from cmrpipe.files import canonical_json, sha256_bytes
from cmrpipe.linking import PatientLabels, pixel_facts
from cmrpipe.model import Finding, ImageRecord
from cmrpipe.nouns import counted

COMPARED = 4
"""Pixels of so many images that two patients may share are compared. Where all of these are equal, so are the others:
for one more to agree by chance in checksum, extremes and size is out of the question."""
CROWD = 8
"""What more patients than these share (identifiers that a program gave to everybody) is told of each beside the first,
not of every two of them."""
FEWEST_OF_MOST = 3
"""Patients with one identifier from which it is everybody's, if they are more than half of the set."""
_DIGITS = 16

Key: TypeAlias = tuple[object, ...]
Equal: TypeAlias = Callable[[ImageRecord, ImageRecord], bool]
Both: TypeAlias = tuple[ImageRecord, ImageRecord]


def mark(key: Key) -> str:
    """Digits that stand for a key."""
    return sha256_bytes(canonical_json(key))[:_DIGITS]


def everybodys(having: int, patients: int) -> bool:
    """Whether an identifier that so many of the set's patients have was given to everybody, and tells nobody apart."""
    return having > CROWD or (having >= FEWEST_OF_MOST and 2 * having > patients)


def pixel_key(image: ImageRecord) -> Key | None:
    """What images of equal pixels agree in: checksum, extremes and size; None where there is nothing to see.

    That is so for pixels that nobody could decode, and for those that are all equal: one blank image is like another.
    """
    if image.error or image.pixel_crc32 is None or image.pixel_min == image.pixel_max:
        return None
    return ("pixels", *pixel_facts(image))


def _keys(image: ImageRecord) -> Iterator[Key]:
    pixels = pixel_key(image)
    if pixels is not None:
        yield pixels
    if image.sop_uid and not image.error:
        yield ("instance", image.sop_uid)


def pixel_mark(image: ImageRecord) -> str:
    """Digits that images of equal pixels have in common; empty where there is nothing to see."""
    key = pixel_key(image)
    return "" if key is None else mark(key)


def marks(images: Iterable[ImageRecord]) -> tuple[str, ...]:
    """What has to be known of a patient's images to see that another patient may have one of them, sorted."""
    keys = {key for image in images for key in _keys(image)}
    return tuple(sorted(mark(key) for key in keys))


def suspects(marks_of: Mapping[str, Iterable[str]]) -> list[str]:
    """Patients with a mark that another patient has, too; sorted."""
    first: dict[str, str] = {}
    found: set[str] = set()
    for patient, own in marks_of.items():
        for mark in own:
            owner = first.setdefault(mark, patient)
            if owner != patient:
                found |= {owner, patient}
    return sorted(found)


@dataclass(frozen=True, slots=True)
class Shared:
    """What patients have in common.

    Attributes
    ----------
    findings : one for every two patients
    in_doubt : by code, contour files of images that stand in two patients
    same : contour files, in twos, that lie on one image in two patients
    """

    findings: tuple[Finding, ...]
    in_doubt: Mapping[Code, frozenset[str]]
    same: frozenset[tuple[str, str]]

    def without_echoes(self, findings: Iterable[Finding]) -> list[Finding]:
        """Findings but for copies of contours on one image: that they are equal follows from whose images they are."""
        return [
            found
            for found in findings
            if found.code is not Code.CONTOUR_COPIED or (found.path, str(found.evidence["same_as"])) not in self.same
        ]


def _by_patients(labels: Mapping[str, PatientLabels]) -> dict[tuple[str, str], dict[Both, set[str]]]:
    """For every two patients the images that may be one, and by what ("pixels", "instance")."""
    places: dict[Key, dict[str, list[ImageRecord]]] = defaultdict(lambda: defaultdict(list))
    for patient, own in sorted(labels.items()):
        for image in own.images:
            for key in _keys(image):
                places[key][patient].append(image)
    found: dict[tuple[str, str], dict[Both, set[str]]] = defaultdict(lambda: defaultdict(set))
    for key, owners in places.items():
        names = sorted(owners)
        twos = combinations(names, 2) if len(names) <= CROWD else ((names[0], other) for other in names[1:])
        for one, other in twos:
            images, twins = owners[one], owners[other]
            for both in [*((image, twins[0]) for image in images), *((images[0], twin) for twin in twins[1:])]:
                found[one, other][both].add(str(key[0]))
    return found


def _seen_equal(alike: Sequence[Both], equal: Equal) -> list[Both]:
    """Those whose pixels are equal (see `COMPARED`)."""
    looked = [both for both in alike[:COMPARED] if equal(*both)]
    if len(looked) == len(alike[:COMPARED]):
        return list(alike)
    return looked + [both for both in alike[COMPARED:] if equal(*both)]


def _contours(labels: PatientLabels) -> dict[str, list[str]]:
    """Contour files by the path of their image."""
    images = labels.by_number()
    found: dict[str, list[str]] = defaultdict(list)
    for contour in labels.contours:
        if contour.number is not None and contour.number in images:
            found[images[contour.number].path].append(contour.path)
    return found


def check_shared(labels: Mapping[str, PatientLabels], equal: Equal) -> Shared:
    """Images that stand in two patients.

    Parameters
    ----------
    labels : patients that may share images (see `suspects`)
    equal : compares the pixels of two images; False where they cannot be had
    """
    contours = {patient: _contours(own) for patient, own in labels.items()}
    findings: list[Finding] = []
    in_doubt: dict[Code, set[str]] = {Code.IMAGE_IN_TWO_PATIENTS: set(), Code.INSTANCE_IN_TWO_PATIENTS: set()}
    same: set[tuple[str, str]] = set()
    for (one, other), candidates in sorted(_by_patients(labels).items()):
        pixels = _seen_equal([both for both, by in candidates.items() if "pixels" in by], equal)
        instances = [both for both, by in candidates.items() if "instance" in by]
        images = list(dict.fromkeys([*pixels, *instances]))
        if not images:
            continue
        code = Code.IMAGE_IN_TWO_PATIENTS if pixels else Code.INSTANCE_IN_TWO_PATIENTS
        drawn: tuple[set[str], set[str]] = set(), set()
        for image, twin in pixels or instances:
            mine, others = contours[one].get(image.path, []), contours[other].get(twin.path, [])
            drawn[0].update(mine)
            drawn[1].update(others)
            if pixels:  # an identifier in common makes no image one
                same |= {two for a in mine for b in others for two in ((a, b), (b, a))}
        in_doubt[code] |= drawn[0] | drawn[1]
        findings.append(_told(code, (one, other), (images, pixels, instances), (len(drawn[0]), len(drawn[1]))))
    return Shared(tuple(findings), {code: frozenset(names) for code, names in in_doubt.items()}, frozenset(same))


def _told(code: Code, patients: tuple[str, str], shared: tuple[Sequence[Both], ...], drawn: tuple[int, int]) -> Finding:
    """The finding for two patients: their images in common, those with equal pixels, with one UID; contours on them."""
    images, pixels, instances = (len({both[0].path for both in some}) for some in shared)
    image, twin = shared[0][0]
    one, other = patients
    which = counted(images, "image")
    if pixels:
        message = (
            f"{one} and {other} share {which}: {pixels} with equal pixels, {instances} with one SOPInstanceUID "
            f"(first: {image.path} and {twin.path}). It cannot be told which is the copy, so the contours on them, "
            f"{drawn[0]} and {drawn[1]}, are in doubt. Find out at the source whose images these are, and remove them "
            "from the other; where both are one patient, keep one id."
        )
    else:
        message = (
            f"{one} and {other} share the SOPInstanceUID of {which} with other pixels (first: {image.path} and "
            f"{twin.path}). Find out at the source whether one was made from the other, or a program gives the same "
            "identifiers to several patients."
        )
    return of_patient(
        code,
        one,
        message,
        other_patient=other,
        images=images,
        equal_pixels=pixels,
        one_instance=instances,
        image=image.path,
        same_as=twin.path,
        contours=drawn[0],
        other_contours=drawn[1],
    )
