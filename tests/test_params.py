"""params.yaml."""

import re
from pathlib import Path

import pytest

from cmrpipe.errors import ParamsError
from cmrpipe.params import Params, load_params
from cmrpipe.plainyaml import read_yaml

REPOSITORY = Path(__file__).resolve().parents[1]


def write(tmp_path: Path, text: str) -> Path:
    """A params.yaml."""
    path = tmp_path / "params.yaml"
    path.write_text(text)
    return path


def test_sections_that_are_not_there_are_known(tmp_path: Path) -> None:
    """By the names that the file has for them; one that is there counts, whatever it holds."""
    assert load_params(None).lacking[:3] == ("source", "ingest", "validate")
    sections = load_params(None).lacking
    assert load_params(write(tmp_path, "".join(f"{name}: {{}}\n" for name in sections))).lacking == ()
    assert load_params(write(tmp_path, "validate: {}\n")).lacking == tuple(n for n in sections if n != "validate")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("ingest:\n  contour_orign: 1.0\n", "unknown key ingest.contour_orign"),
        ("ingset:\n  contour_origin: 1.0\n", "unknown key ingset"),
        ("ingest:\n  frames_per_slice: 0\n", "ingest.frames_per_slice is 0"),
        ("validate:\n  quarantine: [no-such-code]\n", "validate.quarantine.0 is 'no-such-code'"),
        ("source:\n  series: '['\n", "source.series is '['"),
        ("train:\n  network: basic\n  channels: [4, 8]\n", "the basic network has 5 levels, channels names 2"),
        ("train:\n  channels: [4, 0]\n", "train.channels.1 is 0: input should be greater than or equal to 1"),
        ("train:\n  channels: [1, 1, 1, 1, 1, 1]\n  image_size: 32\n", "6 levels need an image_size of 64 or more"),
        ("train:\n  seed: 18446744073709551616\n", "train.seed is 18446744073709551616: input should be less than"),
        ("train:\n  learning_rate: 1.5\n", "train.learning_rate is 1.5: input should be less than or equal to 1"),
        ("train:\n  weight_decay: 2\n", "train.weight_decay is 2: input should be less than or equal to 1"),
        (
            "train:\n  strategy: ddp_spawn\n",
            "train.strategy is 'ddp_spawn': value error, trains in processes that hand",
        ),
        ("[]\n", "the whole file is []"),
        ("0\n", "the whole file is 0"),
        ("- ingest\n", "the whole file is ['ingest']"),
        (
            "ingest: {contour_origin: 0}\ntrain: {}\ningest: {}\n",
            "line 3: ingest is given twice, the first time in line 1",
        ),
        ("ingest:\n  contour_origin: 0\n  contour_origin: 1\n", "line 3: contour_origin is given twice"),
        ("train:\n  steps: 010\n", "line 2: 010 is no plain number (YAML takes it for 8)"),
        ("train:\n  epochs: 1:30\n", "line 2: 1:30 is no plain number (YAML takes it for 90)"),
        ("train:\n  noise: 0:30.5\n", "0:30.5 is no plain number"),
        ("train:\n  steps: 0x10\n", "0x10 is no plain number"),
        ("ingest:\n  contour_origin: .nan\n", ".nan is no plain number"),
        ("ingest:\n  contour_origin: on\n", "ingest.contour_origin is True: value error, neither true nor false"),
        ("validate:\n  wall_mm: [no, 20]\n", "validate.wall_mm is [False, 20]: value error, neither true nor false"),
        ("train:\n  seed: !!int abc\n", "'abc' is no int"),
        ("train:\n  seed: !!int ''\n", "'' is no int"),
        ("train:\n  noise: !!float x\n", "'x' is no float"),
        ("train:\n  noise: !!bool x\n", "'x' is no bool"),
        ("source:\n  series: 2024-13-45\n", "'2024-13-45' is no timestamp"),
        ("source:\n  series: !!timestamp x\n", "'x' is no timestamp"),
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


def test_what_is_read_is_what_dvc_reads(tmp_path: Path) -> None:
    """DVC has a reader of its own, which knows no octal numbers: what passes here is the same there."""
    serialize = pytest.importorskip("dvc.utils.serialize")
    text = "train:\n  steps: 1000\n  noise: .5\n  shift: -0.0\n  compile: true\nsource:\n  block: '010'\n"
    for path in (write(tmp_path, text), REPOSITORY / "params.yaml"):
        assert serialize.load_yaml(path) == read_yaml(path.read_text())


def test_a_mapping_may_be_built_on_another(tmp_path: Path) -> None:
    """What is merged in, and then said anew, is not said twice."""
    text = "train: &one {batch_size: 4, threads: 2}\nevaluate: {<<: *one, batch_size: 8}\n"
    read = load_params(write(tmp_path, text))
    assert (read.train.batch_size, read.evaluate.batch_size, read.evaluate.threads) == (4, 8, 2)


def test_committed_file_spells_out_every_parameter() -> None:
    """params.yaml holds all parameters, so that DVC sees each change."""
    import yaml

    committed = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    assert committed == load_params(REPOSITORY / "params.yaml").model_dump(mode="json", by_alias=True)


def test_comments_of_the_committed_file_are_the_descriptions() -> None:
    """A parameter's comment in params.yaml says what its field says."""
    written = re.findall(r"^(?:  # (.+)\n)?  (\w+):", (REPOSITORY / "params.yaml").read_text(), flags=re.MULTILINE)
    sections = [type(section) for _, section in Params()]
    fields = [(field.description or "", name) for section in sections for name, field in section.model_fields.items()]
    assert written == fields
