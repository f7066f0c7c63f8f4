"""What was drawn and is not judged is counted, and said in sentences."""

from __future__ import annotations

from pathlib import Path

from cmrpipe.drawn import left_out_sentences, of_drawn
from cmrpipe.learn.evaluation import score_patient
from cmrpipe.learn.leftout import Absent, absent, account, images_left_out
from cmrpipe.store import open_store
from cmrpipe.store.leftout import NOTHING, LeftOut, Lost, read, told
from tests.learn.hearts import make_patient, write_store

DATA = [make_patient("A", 0), make_patient("B", 1, images=6)]
SCORES = [score for data in DATA for score in score_patient(data, data.label)]


def test_drawn_is_what_is_judged_and_what_is_left_out() -> None:
    """Over patients with different numbers of images; epicardia for themselves; by phase and decision."""
    lost = LeftOut(Lost({"ED": 2, "ES": 1}, {"ED": 1}), Lost({"ED": 3}, {}))
    found = account(SCORES, Absent({"A": lost, "B": NOTHING}, {}))
    assert found["images"] == {"drawn": 13, "judged": 10, "left_out": {"ED": 2, "ES": 1}, "by_person": 1}
    assert found["epicardia"] == {"drawn": 8, "judged": 5, "left_out": {"ED": 3}, "by_person": 0}
    assert images_left_out({"drawn": found}) == 3
    assert of_drawn(found) == "10 of 13 drawn images"
    assert list(left_out_sentences(found)) == [
        "Of 13 drawn images 3 are left out and not judged (2 at ED, 1 at ES), 1 of them by a person's decision.",
        "Of 8 drawn epicardia 3 are left out and not judged (3 at ED), by rules.",
    ]


def test_whom_the_store_lacks_as_a_whole_is_named(tmp_path: Path) -> None:
    """A patient without any sample left; one who was not judged and lacks nothing, or something, is not named."""
    gone = make_patient("Z", 2, images=0)
    store = write_store(tmp_path, [*DATA, gone], {"Z": {"ED": 4}, "B": {"ES": 1}})
    with open_store(store) as opened:
        found = account(SCORES[:4], absent(opened, ["A"]))
    assert found["patients_left_out"] == {"Z": {"drawn": 4, "by_person": 4}}
    assert list(left_out_sentences(found)) == [
        "Nothing that was drawn in the judged patients is left out.",
        "Z (4 drawn images, by a person's decision) is left out as a whole: it judges no model.",
    ]


def test_what_an_earlier_store_does_not_say_is_not_made_up(tmp_path: Path) -> None:
    """Neither phases, nor who decided, nor epicardia; the number of images stays right."""
    with open_store(write_store(tmp_path, DATA, {"A": {"ED": 1}}, tell=False)) as opened:
        found = account(SCORES, absent(opened, ["A", "B"]))
    assert of_drawn(found) == "10 of 11 drawn images"
    assert "epicardia" not in found
    assert list(left_out_sentences(found)) == [
        "Of 11 drawn images 1 is left out and not judged (1 at a phase that the store does not tell), by whose "
        "decision the store does not say.",
        "The store does not say how many epicardia are left out: an earlier version made it.",
    ]
    assert list(left_out_sentences({})) == []


def test_a_manifest_gives_back_what_it_was_told() -> None:
    """Counts by phase and decision, of images and epicardia."""
    lost = LeftOut(Lost({"ED": 2}, {"ED": 1}), Lost({"ED": 1, "other": 1}, {}))
    assert read(told(lost)) == lost
    assert told(lost)["left_out"] == 2
