"""params.yaml."""

from pathlib import Path

import pytest

from cmrpipe.errors import ParamsError
from cmrpipe.params import Params, load_params

REPOSITORY = Path(__file__).resolve().parents[1]


def write(tmp_path: Path, text: str) -> Path:
    """A params.yaml."""
    path = tmp_path / "params.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("ingest:\n  contour_orign: 1.0\n", "unknown key ingest.contour_orign"),
        ("ingset:\n  contour_origin: 1.0\n", "unknown key ingset"),
        ("ingest:\n  frames_per_slice: 0\n", "ingest.frames_per_slice is 0"),
        ("validate:\n  quarantine: [no-such-code]\n", "validate.quarantine.0 is 'no-such-code'"),
        ("source:\n  series: '['\n", "source.series is '['"),
        ("train:\n  network: basic\n  channels: [4, 8]\n", "the basic network has 5 levels, channels names 2"),
        ("- ingest\n", "the whole file is ['ingest']"),
        ("ingest: [\n", "is not YAML"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, cause: str) -> None:
    """The message names the file, the key and the mend."""
    with pytest.raises(ParamsError) as caught:
        load_params(write(tmp_path, text))
    message = str(caught.value)
    assert "params.yaml" in message
    assert cause in message
    assert caught.value.mend in message


def test_missing_file_is_named(tmp_path: Path) -> None:
    """A file that is not there is no empty one."""
    with pytest.raises(ParamsError, match=r"nowhere\.yaml"):
        load_params(tmp_path / "nowhere.yaml")


def test_empty_file_gives_defaults(tmp_path: Path) -> None:
    """All keys have defaults."""
    assert load_params(write(tmp_path, "")) == Params() == load_params(None)


def test_committed_file_spells_out_every_parameter() -> None:
    """params.yaml holds all parameters, so that DVC sees each change."""
    import yaml

    committed = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    assert committed == load_params(REPOSITORY / "params.yaml").model_dump(mode="json", by_alias=True)
