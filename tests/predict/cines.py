"""Headers of a short-axis cine, as its images have them, and planes of other kinds."""

from cmrpipe.model import ImageRecord

SHORT = (0.7071, 0.7071, 0.0, -0.4082, 0.4082, -0.8165)
TURNED = (*SHORT[3:], *(-v for v in SHORT[:3]))
LONG = (0.0, 0.7071, 0.7071, 1.0, 0.0, 0.0)
NORMAL = (-0.5774, 0.5774, 0.5774)
TRANSVERSE = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def image(number: int, place: int, frame: int, frames: int = 4) -> ImageRecord:
    """An image of a short-axis cine."""
    return ImageRecord(
        path=f"{number}.dcm",
        sha256="",
        bytes=1,
        patient_id="P",
        file_number=number,
        instance_number=number,
        trigger_time_ms=40.0 * (frame - 1),
        position_mm=(8.0 * place * NORMAL[0], 8.0 * place * NORMAL[1], 8.0 * place * NORMAL[2]),
        orientation=SHORT,
        pixel_spacing_mm=(1.4, 1.4),
        frames_per_slice=frames,
        rows=64,
        columns=72,
        modality="MR",
        image_type="ORIGINAL\\PRIMARY\\M",
        series_uid="1.2",
    )


def cine(slices: int = 5, frames: int = 4) -> list[ImageRecord]:
    """A whole one."""
    return [image(1 + s * frames + f, s, f + 1, frames) for s in range(slices) for f in range(frames)]
