"""The front page, read as a document."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from cmrpipe.checks.finding import finding
from cmrpipe.codes import FindingCode
from cmrpipe.errors import InputError
from cmrpipe.files import write_json
from cmrpipe.findings import Report, read_report, write_pieces
from cmrpipe.model import Quarantine
from cmrpipe.params import ReportParams
from cmrpipe.progress import silent
from cmrpipe.quarantine import RULE, write_quarantine
from cmrpipe.report.artefacts import Artefacts
from cmrpipe.report.collect import collect
from cmrpipe.report.outcome import outcome
from cmrpipe.stages.report import report
from cmrpipe.stages.summary import Summary

VOID = {"meta", "link", "img", "input", "br"}


class Document(HTMLParser):
    """Collects text, addresses and ids, and fails on tags that do not close."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        values = dict(attrs)
        self.addresses += [values[name] or "" for name in ("src", "href", "data-large", "data-page") if name in values]
        self.ids += [values["id"] or ""] if "id" in values else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close a tag."""
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag that closes itself."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text.append(data)


def make(places: Artefacts, out: Path, params: ReportParams | None = None) -> Summary:
    """Run the stage."""
    return report(
        places.catalog,
        places.findings,
        places.quarantine,
        places.overlays,
        places.store,
        places.model,
        places.evaluation,
        out,
        params or ReportParams(),
        listen=silent,
    )


def parse(page: Path) -> Document:
    """Parse a page."""
    document = Document()
    document.feed(page.read_text(encoding="utf-8"))
    document.close()
    assert not document.open
    return document


@pytest.fixture(params=["clean_run", "faulty_run"])
def places(request: pytest.FixtureRequest) -> Artefacts:
    """A run with a model, and one with trouble and without."""
    value: Artefacts = request.getfixturevalue(request.param)
    return value


def test_the_page_is_well_formed_and_keeps_to_itself(places: Artefacts, tmp_path: Path) -> None:
    """Tags close, ids are unique, every link leads inside the page or to a file that is there; no network."""
    out = places.report / tmp_path.name
    make(places, out)
    document = parse(out / "report.html")
    assert len(document.ids) == len(set(document.ids))
    for address in document.addresses:
        assert not re.match(r"[a-z]+://|//", address)
        if address.startswith("#"):
            assert address[1:] in document.ids
        elif address and not address.startswith("data:"):
            assert (out / address).is_file()
    text = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]*", "", (out / "report.html").read_text())
    assert "http" not in text.replace("http-equiv", "")


def test_the_page_and_the_printed_table_agree(places: Artefacts, tmp_path: Path) -> None:
    """The page starts with the verdict that the table is made of."""
    make(places, tmp_path)
    text = "".join(parse(tmp_path / "report.html").text)
    assert outcome(places).verdict in text
    assert text.index(outcome(places).verdict) < text.index("What is wrong")


def test_loss_curves_say_which_of_two_trainings_they_are(clean_run: Artefacts, tmp_path: Path) -> None:
    """Two trainings have a curve each, in their order; a single one is not numbered."""
    model = tmp_path / "model"
    shutil.copytree(clean_run.model, model)
    shutil.rmtree(model / "first", ignore_errors=True)
    places = replace(clean_run, model=model)
    make(places, tmp_path / "once")
    assert "of two trainings" not in (tmp_path / "once" / "report.html").read_text()
    (model / "first").mkdir()
    (model / "first" / "history.csv").write_text("epoch,train_loss\n1,0.9\n2,0.7\n")
    make(places, tmp_path / "twice")
    text = "".join(parse(tmp_path / "twice" / "report.html").text)
    first, second = (text.index(f"training loss, {which} of two trainings") for which in ("first", "second"))
    assert first < second


def test_baselines_stand_beside_each_patients_figures(clean_run: Artefacts, tmp_path: Path) -> None:
    """Means over the patient's images; nothing where nothing is known."""
    evaluation = tmp_path / "evaluation"
    shutil.copytree(clean_run.evaluation, evaluation)
    patient = pd.read_csv(evaluation / "per_patient.csv").patient_id[0]
    rows = [("otsu", 0.5, 0.25), ("otsu", 0.75, None), ("mean_shape", 0.125, None)]
    table = [{"baseline": b, "patient_id": patient, "dice_cavity": c, "dice_myocardium": m} for b, c, m in rows]
    pd.DataFrame(table).to_csv(evaluation / "baselines.csv", index=False)
    make(replace(clean_run, evaluation=evaluation), tmp_path / "out")
    text = (tmp_path / "out" / "report.html").read_text()
    text = text[text.index('id="scores-table"') :]
    line = text[text.index(f"{patient}</") :]
    cells = re.findall(r'<td class="num">([^<]*)</td>', line[: line.index("</tr>")])
    assert (cells[2:4], cells[5:7]) == (["0.625", "0.125"], ["0.250", ""])


def test_what_was_drawn_and_is_not_judged_stands_beside_the_figures(clean_run: Artefacts, tmp_path: Path) -> None:
    """As the evaluation counted it; an evaluation that did not count says nothing of it."""
    evaluation = tmp_path / "evaluation"
    shutil.copytree(clean_run.evaluation, evaluation)
    make(clean_run, tmp_path / "before")
    assert "not judged" not in (tmp_path / "before" / "report.html").read_text()
    metrics = json.loads((evaluation / "metrics.json").read_text())
    row = {"drawn": 12, "judged": 8, "left_out": {"ED": 3, "ES": 1}, "by_person": 4}
    write_json(evaluation / "metrics.json", {**metrics, "drawn": {"images": row, "patients_left_out": {}}})
    make(replace(clean_run, evaluation=evaluation), tmp_path / "out")
    text = "".join(parse(tmp_path / "out" / "report.html").text)
    assert "Of 12 drawn images 4 are left out and not judged (3 at ED, 1 at ES), by a person's decision." in text


def test_predictions_of_other_images_are_not_shown(clean_run: Artefacts, tmp_path: Path) -> None:
    """Expert and model stand side by side only where both are of the same images."""
    evaluation = tmp_path / "evaluation"
    shutil.copytree(clean_run.evaluation, evaluation)
    make(clean_run, tmp_path / "before")
    (told,) = (evaluation / "predictions").glob("*.json")
    write_json(told, {"images_sha256": "of another store"})
    make(replace(clean_run, evaluation=evaluation), tmp_path / "after")
    shown = ["Worst slices" in (tmp_path / when / "report.html").read_text() for when in ("before", "after")]
    assert shown == [True, False]


def test_same_artefacts_same_bytes(places: Artefacts, tmp_path: Path) -> None:
    """A page made twice is the same file."""
    for name in ("one", "two"):
        make(places, tmp_path / name)
    assert (tmp_path / "one" / "report.html").read_bytes() == (tmp_path / "two" / "report.html").read_bytes()


def test_pages_of_others_beside_the_report_stay(clean_run: Artefacts, tmp_path: Path) -> None:
    """Pages of patients who are gone are removed, and nobody else's."""
    for name in ("index.html", "sub/page.html", "patients/gone.html"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a page")
    make(clean_run, tmp_path)
    there = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.html")}
    assert {"index.html", "sub/page.html", "report.html"} <= there
    assert "patients/gone.html" not in there


@pytest.mark.parametrize("absent", ["findings", "overlays", "store", "model", "evaluation"])
def test_whatever_is_absent_the_page_stands(clean_run: Artefacts, absent: str, tmp_path: Path) -> None:
    """Any stage may not have run; the page is written and says so, never fails."""
    summary = make(replace(clean_run, **{absent: tmp_path / "absent"}), tmp_path / "out")
    parse(tmp_path / "out" / "report.html")
    assert summary.counts["patients"] == 3


def test_a_quarantine_that_is_not_there_is_none_without_rows(clean_run: Artefacts, tmp_path: Path) -> None:
    """Once the data are validated there is one: a page that says that nothing is left out would be wrong."""
    with pytest.raises(InputError, match=r"absent\.csv: is not there\. Run `cmrpipe validate`"):
        make(replace(clean_run, quarantine=tmp_path / "absent.csv"), tmp_path / "out")


def test_text_from_the_data_cannot_become_markup(
    faulty_run: Artefacts, tmp_path: Path, edit: Callable[[Path, bytes], None]
) -> None:
    """A reviewer's words with angle brackets are shown, not obeyed."""
    quarantine = tmp_path / "quarantine.csv"
    quarantine.write_bytes(faulty_run.quarantine.read_bytes())
    first = quarantine.read_text().splitlines()[1].split(",")[1]
    edit(
        quarantine,
        quarantine.read_bytes() + f"contour,{first},<script>alert(1)</script>,<b>me</b>,2024-01-01,keep\n".encode(),
    )
    make(replace(faulty_run, quarantine=quarantine), tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_what_two_patients_share_stands_on_both_pages(clean_run: Artefacts, tmp_path: Path) -> None:
    """It is one finding, filed under the first of them; the third's page has nothing of it."""
    shutil.copytree(clean_run.findings, tmp_path / "findings")
    known = read_report(clean_run.findings)
    one, other, third = (row["patient_id"] for row in known.clinical)
    code = FindingCode.IMAGE_IN_TWO_PATIENTS
    shared = finding(code, "These are one.", patient_id=one, path=f"dicoms/{one}", other_patient=other)
    write_pieces(tmp_path / "findings", Report([*known.findings, shared], known.missing, known.clinical))
    make(replace(clean_run, findings=tmp_path / "findings"), tmp_path)
    pages = [(tmp_path / "patients" / f"{patient}.html").read_text() for patient in (one, other, third)]
    assert ["These are one." in page for page in pages] == [True, True, False]


def test_severities_are_to_be_chosen_gravest_first(clean_run: Artefacts, tmp_path: Path) -> None:
    """On a patient's page as on the front page; those that there are none of are not on a patient's."""
    shutil.copytree(clean_run.findings, tmp_path / "findings")
    known = read_report(clean_run.findings)
    patient = known.clinical[0]["patient_id"]
    codes = (FindingCode.CONTOUR_NOT_DRAWN, FindingCode.SPACING_NOT_SQUARE, FindingCode.CONTOUR_COPIED)
    own = [finding(code, "So it is.", patient_id=patient) for code in codes]
    write_pieces(tmp_path / "findings", Report([*known.findings, *own], known.missing, known.clinical))
    make(replace(clean_run, findings=tmp_path / "findings"), tmp_path)
    for page in (tmp_path / "patients" / f"{patient}.html", tmp_path / "report.html"):
        ticks = re.findall(r'name="severity" value="(\w+)"', page.read_text())
        assert ticks == ["error", "warning", "info"]


def test_a_keep_of_other_files_is_not_said_to_hold(clean_run: Artefacts, tmp_path: Path) -> None:
    """What a person keeps is what was kept; what has changed since stands with what is left out."""
    patient = read_report(clean_run.findings).clinical[0]["patient_id"]
    rule = Quarantine("patient", patient, "contour-misfit", RULE, seen=f"x{'1' * 16}")
    for seen, holds in (("1", True), ("2", False)):
        keep = replace(rule, by="ann", keep=True, seen=f"x{seen * 16}")
        write_quarantine(tmp_path / "quarantine.csv", [rule, keep])
        facts = collect(replace(clean_run, quarantine=tmp_path / "quarantine.csv"))
        assert facts.kept == ((keep,) if holds else ())
        assert [item.row for item in facts.left_out] == ([] if holds else [rule])


def test_limits_hold_and_are_said(faulty_run: Artefacts, tmp_path: Path) -> None:
    """With small limits the page shows the gravest and says where the rest is."""
    params = ReportParams(pictures=1, comparisons=0, rows=10, maps=1)
    shutil.copytree(faulty_run.findings, tmp_path / "findings")
    report = read_report(faulty_run.findings)
    write_pieces(tmp_path / "findings", Report(12 * list(report.findings), report.missing, report.clinical))
    make(replace(faulty_run, findings=tmp_path / "findings"), tmp_path, params)
    page = (tmp_path / "report.html").read_text()
    assert page.count('<svg class="map"') == 1
    assert page.count('class="open"') == 2
    assert "findings.csv" in page
