"""The table of finding codes."""

from pathlib import Path

from cmrpipe.codes import FindingCode
from cmrpipe.codetable import CODES
from cmrpipe.params import Params
from cmrpipe.reference import findings_page

REPOSITORY = Path(__file__).resolve().parents[1]


def test_the_committed_page_is_the_generated_one() -> None:
    """docs/findings.md says what the code table says."""
    assert (REPOSITORY / "docs" / "findings.md").read_text(encoding="utf-8") == findings_page()


def test_every_code_has_a_full_row_and_real_parameters() -> None:
    """Meaning, measure and action for each; parameters named exist, and every threshold of validate is named by one."""
    assert set(CODES) == set(FindingCode)
    assert all(info.meaning and info.measured and info.action for info in CODES.values())
    named = {key.strip() for info in CODES.values() for key in info.param.split(",") if key.strip()}
    known = {f"validate.{name}" for name in type(Params().validate_).model_fields} - {
        "validate.quarantine",
        "validate.severity",
    }
    assert known <= named <= known | {"ingest.frames_per_slice"}
