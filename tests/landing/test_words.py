"""A landing in words."""

from __future__ import annotations

from cmrpipe.landing import Landed, describe_landing
from cmrpipe.landing.words import CONTOUR_WORDS, TABLE_WORDS, WORDS


def test_every_count_has_words_and_a_patient_counts_once() -> None:
    """Contours are no patients; what is left counts them, and the link table; who was withdrawn is not told twice."""
    both = ("dicoms/A", "contourfiles/B")
    landed = Landed(
        new=both,
        changed=both,
        unchanged=both,
        kept=both,
        not_in_source=("dicoms/A", "dicoms/C"),
        made_way=both,
        unsettled=both,
        failed=dict.fromkeys(both, "cause"),
        blocked=both,
        withdrawn=("dicoms/C",),
        aside=3,
        unread={"heap/1": "cause"},
        table="changed",
    )
    counts = landed.counts()
    table = dict.fromkeys(TABLE_WORDS, 0) | {"table_changed": 1}
    expected = dict.fromkeys((*WORDS, *CONTOUR_WORDS), 1) | {"not_in_source": 2, "aside": 3, "contours_withdrawn": 0}
    assert counts == expected | table
    assert (landed.left, landed.whole) == (5, False)
    assert describe_landing({"event": "landed", "source": "heap", **counts, "left": landed.left}) == (
        "1 new, 1 changed, 1 unchanged, 1 older in this source, kept as they are, "
        "1 still changing in the source, left for the next landing, "
        "1 could not land, left for the next landing, 1 of forgotten patients, left out, "
        "1 gone from the source (`cmrpipe forget` removes), 1 landed earlier and not in this source, "
        "1 phantom patients made way, 1 files or folders could not be read (patients may lack them), "
        "3 files not sorted in (see data/raw/aside); "
        "contour sets: 1 new, 1 changed, 1 older in this source, kept as they are, "
        "1 still changing in the source, left for the next landing, 1 could not land, left for the next landing, "
        "1 of forgotten patients, left out; link table: changed"
    )
    assert describe_landing({}) == "nothing"
