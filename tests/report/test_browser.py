"""The report in a real browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from cmrpipe.params import ReportParams
from cmrpipe.progress import silent
from cmrpipe.report.artefacts import Artefacts
from cmrpipe.stages.report import report

pytestmark = pytest.mark.browser

QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1280,1600",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """Headless Chromium that keeps its console and its requests."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        stop = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        stop("chromium is missing: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = str(chromium)
    for argument in (*QUIET, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver))
    yield opened
    opened.quit()


@pytest.fixture(scope="module")
def page(faulty_run: Artefacts) -> Path:
    """The front page of the run with trouble."""
    places = faulty_run
    report(
        places.catalog,
        places.findings,
        places.quarantine,
        places.overlays,
        places.store,
        places.model,
        places.evaluation,
        places.report,
        ReportParams(),
        listen=silent,
    )
    return places.report / "report.html"


@pytest.fixture
def front(browser: webdriver.Chrome, page: Path) -> Iterator[webdriver.Chrome]:
    """The front page, opened from its file; afterwards, nothing was complained of and nothing asked of a network."""
    log(browser, "browser")
    log(browser, "performance")
    browser.get(page.as_uri())
    yield browser
    assert log(browser, "browser") == []
    requests = [
        entry["message"] for entry in log(browser, "performance") if "Network.requestWillBeSent" in entry["message"]
    ]
    assert not [message for message in requests if '"url":"http' in message]


def log(browser: webdriver.Chrome, kind: str) -> list[dict[str, str]]:
    """Entries of the browser's log since the last look."""
    entries: list[dict[str, str]] = browser.get_log(kind)  # type: ignore[no-untyped-call]
    return entries


def rows(browser: webdriver.Chrome, table: str) -> list[list[str]]:
    """Cells of the rows that are shown."""
    found = browser.find_elements(By.CSS_SELECTOR, f"#{table} tbody tr:not([hidden])")
    return [[cell.text for cell in row.find_elements(By.CSS_SELECTOR, "td")] for row in found]


def test_words_and_severities_filter_the_findings(front: webdriver.Chrome) -> None:
    """Only rows with all words and a ticked severity are shown, and their number is said."""
    every = rows(front, "findings-table")
    search = front.find_element(By.CSS_SELECTOR, '[data-table="findings-table"] input[type=search]')
    search.send_keys("contour-copied o-contours")
    shown = rows(front, "findings-table")
    assert 0 < len(shown) < len(every)
    assert all(row[1] == "contour-copied" for row in shown)
    output = front.find_element(By.CSS_SELECTOR, '[data-table="findings-table"] output')
    assert output.text == f"{len(shown)} of {len(every)} shown"
    front.find_element(By.CSS_SELECTOR, 'input[value="error"]').click()
    assert not [row for row in rows(front, "findings-table") if row[0] == "error"]
    search.send_keys(Keys.ESCAPE)
    assert len(rows(front, "findings-table")) == len([row for row in every if row[0] != "error"])


def test_a_code_can_be_chosen(front: webdriver.Chrome) -> None:
    """The list of codes shows the rows of one."""
    every = rows(front, "findings-table")
    chosen = every[-1][1]
    select = front.find_element(By.CSS_SELECTOR, '[data-table="findings-table"] select')
    select.send_keys(chosen)
    assert {row[1] for row in rows(front, "findings-table")} == {chosen}


def test_a_click_on_a_heading_sorts(front: webdriver.Chrome) -> None:
    """Numbers sort as numbers, up and then down, and the heading says which."""
    head = front.find_element(By.XPATH, '//*[@id="patients-table"]//th[.="Errors"]')
    button = head.find_element(By.TAG_NAME, "button")
    at = 6
    button.click()
    up = [int(row[at]) for row in rows(front, "patients-table")]
    assert up == sorted(up)
    assert head.get_attribute("aria-sort") == "ascending"
    button.click()
    down = [int(row[at]) for row in rows(front, "patients-table")]
    assert down == sorted(up, reverse=True)
    assert head.get_attribute("aria-sort") == "descending"
    assert down[0] > down[-1]


def test_the_keyboard_is_enough(front: webdriver.Chrome) -> None:
    """A slash goes to the filter; headings and pictures answer to the keys."""
    front.find_element(By.TAG_NAME, "body").send_keys("/")
    assert front.switch_to.active_element.get_attribute("type") == "search"
    head = front.find_element(By.CSS_SELECTOR, "#findings-table th button")
    head.send_keys(Keys.ENTER)
    assert front.find_element(By.CSS_SELECTOR, "#findings-table th").get_attribute("aria-sort") == "ascending"


def test_a_picture_opens_large_and_leads_to_the_next(front: webdriver.Chrome) -> None:
    """Enter opens, an arrow goes on, Escape closes and gives the focus back."""
    first, second = front.find_elements(By.CSS_SELECTOR, "button.open")[:2]
    first.send_keys(Keys.ENTER)
    dialog = front.find_element(By.TAG_NAME, "dialog")
    image = dialog.find_element(By.TAG_NAME, "img")
    assert dialog.is_displayed()
    before = image.get_attribute("src")
    assert str(before).endswith("_strip.png")
    assert front.execute_script("return arguments[0].decode().then(() => arguments[0].naturalWidth)", image) > 700
    front.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert image.get_attribute("src") != before
    front.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not dialog.is_displayed()
    # the browser first gives the focus back to what opened the dialog, and tells of its closing a moment later
    WebDriverWait(front, 5).until(lambda _: front.switch_to.active_element == second)


def test_dark_and_print_have_their_own_colours(front: webdriver.Chrome) -> None:
    """The page follows the reader's scheme, and prints without its controls."""
    colour = "return getComputedStyle(document.body).backgroundColor"
    front.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "light"}]}
    )
    light = front.execute_script(colour)
    front.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    )
    dark = front.execute_script(colour)
    assert light != dark
    front.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not front.find_element(By.CSS_SELECTOR, "nav.bar").is_displayed()
    front.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


def test_without_scripts_everything_is_there(front: webdriver.Chrome, page: Path) -> None:
    """With JavaScript off, every row is shown and no control that would not work."""
    front.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        front.get(page.as_uri())
        assert front.find_elements(By.CSS_SELECTOR, "#findings-table tbody tr")
        assert not front.find_element(By.CSS_SELECTOR, "form.filter").is_displayed()
    finally:
        front.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_a_patient_opens_and_its_heart_beats(front: webdriver.Chrome) -> None:
    """From the front page to the patient; the player plays, stops, steps, and draws the contours of a frame."""
    front.find_element(By.CSS_SELECTOR, "#patients-table tbody a").click()
    player = front.find_element(By.CSS_SELECTOR, ".cine")
    front.execute_script("arguments[0].scrollIntoView()", player)
    output = player.find_element(By.TAG_NAME, "output")
    wait = WebDriverWait(front, 5)
    wait.until(lambda _: output.text.startswith("slice"))
    stopped = output.text
    player.send_keys(Keys.SPACE)
    wait.until(lambda _: output.text != stopped)
    player.send_keys(Keys.SPACE)
    assert player.find_element(By.TAG_NAME, "button").get_attribute("aria-pressed") == "false"
    screen = player.find_element(By.CSS_SELECTOR, ".screen")
    drawn = set()
    for _ in range(10):
        player.send_keys(Keys.ARROW_RIGHT)
        drawn.add(len(screen.find_elements(By.TAG_NAME, "polygon")))
    assert {0, 2} <= drawn
    source = screen.value_of_css_property("background-image").split('"')[1]
    width = (
        "const i = new Image(); i.src = arguments[0]; return i.decode().then(() => i.naturalWidth / i.naturalHeight)"
    )
    assert front.execute_script(width, source) == 10
    before = output.text.split(",")[0]
    player.send_keys(Keys.ARROW_UP)
    assert output.text.split(",")[0] != before


def lost_pictures(browser: webdriver.Chrome, front: Path) -> WebElement:
    """What a patient's page has ready to say of pictures that are not there, once its player stands."""
    browser.get(front.as_uri())
    browser.find_element(By.CSS_SELECTOR, "#patients-table tbody a").click()
    browser.execute_script("arguments[0].scrollIntoView()", browser.find_element(By.CSS_SELECTOR, ".cine"))
    output = browser.find_element(By.CSS_SELECTOR, ".cine output")
    WebDriverWait(browser, 5).until(lambda _: output.text.startswith("slice"))
    return browser.find_element(By.CSS_SELECTOR, ".lost")


def test_a_report_without_its_pictures_says_so(browser: webdriver.Chrome, page: Path, tmp_path: Path) -> None:
    """Copied away alone, it does not show an empty screen without a word; beside its pictures it says nothing."""
    assert not lost_pictures(browser, page).is_displayed()
    copy = Path(shutil.copytree(page.parent, tmp_path / "report"))
    lost = lost_pictures(browser, copy / page.name)
    WebDriverWait(browser, 5).until(lambda _: lost.is_displayed())
    assert "overlays" in lost.text


def test_pictures_stand_between_their_neighbours_in_time(front: webdriver.Chrome) -> None:
    """A contoured image is shown with the frames before and after it, and its place in the grid leads to it."""
    front.find_element(By.CSS_SELECTOR, "#patients-table tbody a").click()
    link = front.find_element(By.CSS_SELECTOR, ".map a")
    figure = front.find_element(By.ID, str(link.get_dom_attribute("href")).split("#")[1])
    front.execute_script("arguments[0].scrollIntoView()", figure)
    WebDriverWait(front, 5).until(lambda _: len(figure.find_elements(By.CSS_SELECTOR, ".still")) == 3)
    shapes = [
        len(still.find_elements(By.TAG_NAME, "polygon")) for still in figure.find_elements(By.CSS_SELECTOR, ".still")
    ]
    assert shapes[1] > 0
    assert shapes[0] == shapes[2] == 0


def test_a_dot_of_a_distribution_leads_to_its_patient(front: webdriver.Chrome) -> None:
    """Distributions are made of links."""
    dot = front.find_element(By.CSS_SELECTOR, "#distributions svg a")
    assert str(dot.get_dom_attribute("href")).startswith("patients/")
