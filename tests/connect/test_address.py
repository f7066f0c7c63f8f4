"""What a user names as a source."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmrpipe.connect.address import full_address
from cmrpipe.errors import SourceError


@pytest.mark.parametrize(
    "address",
    [
        "https://ann:hunter2@pacs.example.org/dicom-web",
        "dicomweb+https://ann:hunter2@pacs.example.org/dicom-web",
        " https://ann:hunter2@pacs.example.org/dicom-web",
        "HTTPS://hunter2@pacs.example.org",
        "s3://ann:hunter2@bucket/key",
        "https://pacs.example.org/dicom-web?token=hunter2",
        "https://pacs.example.org#hunter2",
        "https://pacs.example.org/a@b?token=hunter2",
        "https://ann:hunter2@pacs.example.org/dicom-web?limit=1",
        "https://ann:hunter2?x@pacs.example.org",
    ],
)
def test_an_address_with_a_secret_is_refused_before_it_is_kept(address: str) -> None:
    """Before Prefect has it as a parameter; and nobody is shown the secret."""
    with pytest.raises(SourceError, match=r"the address holds a (user or password|query).*CMRPIPE_PACS_USER") as caught:
        full_address(address)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("address", ["https://pacs.example.org:8042/dicom-web", "dicomweb+http://127.0.0.1/a@b"])
def test_other_addresses_stay_as_they_are(address: str) -> None:
    """An at sign may stand in a path."""
    assert full_address(address) == address


def test_a_folder_may_be_called_anything(tmp_path: Path) -> None:
    """Question marks and at signs among it."""
    assert full_address(f"{tmp_path}/who?@#") == f"{tmp_path}/who?@#"
