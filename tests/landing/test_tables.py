"""Link tables on their way into the raw folder."""

from __future__ import annotations

import pytest

from cmrpipe.landing.tables import rows_of, without_rows


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("name", ["Åse", "Zoë…", "P1"])
def test_only_the_row_that_is_dropped_goes(encoding: str, name: str) -> None:
    """Letters whose bytes look like line ends in another encoding do not move the count of lines."""
    data = f"patient_id,original_id\n{name},SC-1\nP2,SC-2\nP3,SC-3\n".encode(encoding)
    assert rows_of(without_rows(data, lambda patient, _: patient == "P2")) == {(name, "SC-1"), ("P3", "SC-3")}
    assert without_rows(data, lambda *_: False) == data
