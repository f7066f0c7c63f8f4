"""Which contours belong to which patient, and to which of the patient's images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cmrpipe.catalog import Catalog
from cmrpipe.model import ContourKind, ContourRecord, ImageRecord, Link
from cmrpipe.readers.layouts import CONTOURS, DICOMS
from cmrpipe.readers.links import composed, normalise_id


@dataclass(frozen=True, slots=True)
class LinkMap:
    """Link rows held against the folders that are there.

    Attributes
    ----------
    originals : contour folders of each patient folder, sorted; patients without any are absent
    normalised : rows that match a folder only after normalisation, with the folder names they were taken for
    no_patient : rows whose patient has no image folder
    no_contours : rows whose contour folder is not there
    """

    originals: Mapping[str, tuple[str, ...]]
    normalised: tuple[tuple[Link, str, str], ...]
    no_patient: tuple[Link, ...]
    no_contours: tuple[Link, ...]

    def folders(self, patient_id: str) -> tuple[str, ...]:
        """A patient's image folder and contour folders, relative to the raw folder."""
        return (f"{DICOMS}/{patient_id}", *(f"{CONTOURS}/{name}" for name in self.originals.get(patient_id, ())))


def _match(name: str, folders: Iterable[str], by_normal: Mapping[str, Sequence[str]]) -> str | None:
    """The folder an id stands for: the exact one, else the only one that is equal after normalisation."""
    if name in folders:
        return name
    candidates = by_normal.get(normalise_id(name), ())
    return candidates[0] if len(candidates) == 1 else None


def _by_normal(folders: Iterable[str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for folder in folders:
        groups[normalise_id(folder)].append(folder)
    return groups


def map_links(links: Iterable[Link], patients: Sequence[str], originals: Sequence[str]) -> LinkMap:
    """Resolve link rows to folders: exact names first, else by normalised name when that is unambiguous."""
    patient_set, original_set = frozenset(patients), frozenset(originals)
    patients_by_normal, originals_by_normal = _by_normal(patients), _by_normal(originals)
    found: dict[str, set[str]] = defaultdict(set)
    normalised: list[tuple[Link, str, str]] = []
    no_patient: list[Link] = []
    no_contours: list[Link] = []
    for link in links:
        patient = _match(link.patient_id, patient_set, patients_by_normal)
        original = _match(link.original_id, original_set, originals_by_normal)
        if patient is None:
            no_patient.append(link)
        if original is None:
            no_contours.append(link)
        if patient is None or original is None:
            continue
        found[patient].add(original)
        if any(composed(a) != composed(b) for a, b in ((patient, link.patient_id), (original, link.original_id))):
            normalised.append((link, patient, original))
    return LinkMap(
        {patient: tuple(sorted(names)) for patient, names in sorted(found.items())},
        tuple(normalised),
        tuple(no_patient),
        tuple(no_contours),
    )


def catalog_links(catalog: Catalog) -> LinkMap:
    """The link map of a catalog."""
    return map_links(catalog.links(), catalog.patients(), catalog.original_ids())


@dataclass(frozen=True, slots=True, eq=False)
class PatientLabels:
    """A patient's images and all contours that the link table gives to it.

    Attributes
    ----------
    images : all image rows, unreadable ones included, by number (file number, else instance number), then path
    contours : all contour rows of the linked folders, unreadable ones included, by path
    original_ids : the linked contour folders
    """

    patient_id: str
    images: tuple[ImageRecord, ...]
    contours: tuple[ContourRecord, ...]
    original_ids: tuple[str, ...]

    def grid(self) -> dict[tuple[int, int], ImageRecord]:
        """Readable images by slice and frame; of several at one place the first."""
        found: dict[tuple[int, int], ImageRecord] = {}
        for image in self.images:
            if not image.error and image.slice_index is not None and image.frame is not None:
                found.setdefault((image.slice_index, image.frame), image)
        return found

    def _numbered(self) -> dict[int, list[ImageRecord]]:
        """Readable images of each number that are not one instance; those of the stack, where it has some."""
        groups: dict[int, list[ImageRecord]] = defaultdict(list)
        for image in self.images:
            number = image_number(image)
            if number is not None and not image.error:
                groups[number].append(image)
        found = {}
        for number, group in groups.items():
            first, *others = [image for image in group if image.slice_index is not None] or group
            found[number] = [first, *(image for image in others if not _one_instance(first, image))]
        return found

    def by_number(self) -> dict[int, ImageRecord]:
        """Readable images by number: of one instance in two files the first by path, of two images neither.

        Two files of one instance with other pixels are two images.
        """
        return {number: group[0] for number, group in self._numbered().items() if len(group) == 1}

    def sharing(self) -> dict[int, list[ImageRecord]]:
        """Images that share a number, so that a contour of that number may mean either."""
        return {number: group for number, group in self._numbered().items() if len(group) > 1}

    def contours_by_number(self) -> dict[int, dict[ContourKind, list[ContourRecord]]]:
        """Readable contours by image number and kind; more than one of a kind is ambiguous."""
        found: dict[int, dict[ContourKind, list[ContourRecord]]] = defaultdict(lambda: defaultdict(list))
        for contour in self.contours:
            if contour.number is not None and contour.kind is not None and not contour.error:
                found[contour.number][contour.kind].append(contour)
        return {number: dict(kinds) for number, kinds in sorted(found.items())}


def image_number(image: ImageRecord) -> int | None:
    """The number that contour file names refer to: that of the image's file name, else its InstanceNumber."""
    return image.instance_number if image.file_number is None else image.file_number


def pixel_facts(image: ImageRecord) -> tuple[object, ...]:
    """What images of equal pixels agree in: checksum, extremes and size, as far as the catalog has them."""
    return image.pixel_crc32, image.pixel_min, image.pixel_max, image.rows, image.columns


def _one_instance(a: ImageRecord, b: ImageRecord) -> bool:
    """Whether two images are one: by their UID, or by series and InstanceNumber, and by their pixels."""
    numbered = a.instance_number is not None and a.instance_number == b.instance_number
    one = (a.sop_uid != "" and a.sop_uid == b.sop_uid) or (numbered and a.series_uid == b.series_uid)
    return one and pixel_facts(a) == pixel_facts(b)


def link_patient(catalog: Catalog, patient_id: str, originals: tuple[str, ...]) -> PatientLabels:
    """Gather a patient's images, and the contours of the folders that the link map gives to it."""
    images = sorted(catalog.images(patient_id), key=lambda r: (image_number(r) is None, image_number(r) or 0, r.path))
    contours = [contour for original in originals for contour in catalog.contours(original)]
    return PatientLabels(patient_id, tuple(images), tuple(contours), originals)
