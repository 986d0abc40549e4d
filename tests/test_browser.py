"""The demo and the coursework as their users see them: JupyterLab and the HTML page in a headless Chromium.

The pictures of the pages go to out/browser/, to be looked at.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest

import minixai as mx
from minixai import cli, course, demo
from minixai.demo import Params, pages, play
from minixai.demo.concepts import row_at
from minixai.plot.microscope import parting

EXTRAS = "not installed (pip install -e '.[test,course,browser]')"
webdriver = pytest.importorskip("selenium.webdriver", reason=f"selenium is {EXTRAS}")
exceptions = pytest.importorskip("selenium.common.exceptions")
pointer = pytest.importorskip("selenium.webdriver.common.actions.pointer_input")
ui = pytest.importorskip("selenium.webdriver.support.ui")
UNREADY = (
    exceptions.ElementClickInterceptedException,
    exceptions.ElementNotInteractableException,
    exceptions.StaleElementReferenceException,
)

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
CW3 = ROOT / "lessons" / "coursework" / "release" / "cw3" / "cw3.ipynb"
PICTURES = ROOT / "out" / "browser"
SECONDS = 120  # to wait for anything
CHROMIUM = (
    "--headless=new",
    "--no-sandbox",  # root has none
    "--disable-dev-shm-usage",  # a container's /dev/shm is small
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--window-size=1280,1000",
)
IDLE = "//*[@id='jp-main-statusbar']//*[contains(text(), '| Idle')]"
OUTPUT = "//*[@data-mime-type='application/vnd.jupyter.{}']"
OVERFLOWS = "return arguments[0].scrollWidth > arguments[0].clientWidth"
QUIET = '{"fetchNews": "false", "checkForUpdates": false}'


class Browser:
    """A headless Chromium with the waits that the tests share."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """What the condition returns once it holds; where it never does, the page's picture is kept."""
        wait = ui.WebDriverWait(self.driver, SECONDS, poll_frequency=0.1, ignored_exceptions=UNREADY)
        try:
            return wait.until(lambda _: condition())
        except exceptions.TimeoutException:
            self.picture("timeout")
            pytest.fail(f"no {what} in {SECONDS} s: see {PICTURES / 'timeout.png'}")

    def one(self, xpath: str) -> Any:
        """The first element that the path finds, once there is one that is shown."""
        return self.until(lambda: next((e for e in self.all(xpath) if e.is_displayed()), None), xpath)

    def click(self, xpath: str) -> None:
        """Click on the first element that the path finds, once nothing hides it."""
        self.until(lambda: [element.click() for element in self.all(xpath)[:1]], f"click on {xpath}")

    def all(self, xpath: str) -> list[Any]:
        return self.driver.find_elements("xpath", xpath)

    def picture(self, name: str) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(PICTURES / f"{name}.png")


Lab = Callable[[Browser, Path], None]


@pytest.fixture
def browser() -> Iterator[Browser]:
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and chromedriver):
        pytest.skip("chromium or chromedriver is missing (Debian: apt-get install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in CHROMIUM:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # With the driver's path given, selenium looks for none on the network.
    with webdriver.Chrome(options, webdriver.ChromeService(chromedriver)) as driver:
        yield Browser(driver)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Opens a copy of a notebook in a JupyterLab, of this Python and with no settings of the user's."""
    missing = [name for name in ("jupyterlab", "nbgrader") if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} {EXTRAS}")
    folder = tmp_path_factory.mktemp("lab")
    settings = folder / "config" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(QUIET, encoding="utf-8")
    notebooks = folder / "notebooks"
    notebooks.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += ["--ip=127.0.0.1", f"--port={port}", "--port-retries=0", f"--ServerApp.root_dir={notebooks}"]
    environment = {
        **os.environ,
        **{f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")},
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_TOKEN": token,
    }
    log = folder / "jupyterlab.log"

    with (
        log.open("wb") as output,
        subprocess.Popen(
            command, env=environment, cwd=notebooks, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        ) as server,
    ):

        def show(browser: Browser, notebook: Path) -> None:
            shutil.copy(notebook, notebooks)
            address = f"http://127.0.0.1:{port}/lab/tree/{notebook.name}?reset&token={token}"

            def answers() -> bool:
                assert server.poll() is None, log.read_text(encoding="utf-8", errors="replace")
                try:
                    browser.driver.get(address)
                except exceptions.WebDriverException:  # the connection is refused
                    return False
                return True

            browser.until(answers, "answer of JupyterLab")
            browser.one(IDLE)
            browser.one("//*[contains(@class, 'jp-Cell')]")

        try:
            yield show
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()


def said(angle: float) -> str:
    """The line below the demo's picture, by Python."""
    scene = demo.compute(Params(angle=angle))
    return f"w is {scene.angle_w:.1f} degrees off the signal, a {scene.angle_a:.1f}"


def test_the_demo_in_jupyterlab(browser: Browser, lab: Lab, tmp_path: Path) -> None:
    cells = [nbformat.v4.new_code_cell(text) for text in ("from minixai import demo", "demo.notebook()")]
    notebook = tmp_path / "demo.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=course.METADATA), notebook)
    lab(browser, notebook)
    browser.click("//*[contains(@class, 'lm-MenuBar-itemLabel')][.='Run']")
    browser.click("//*[contains(@class, 'lm-Menu-itemLabel')][.='Run All Cells']")
    panel = browser.one("//*[contains(@class, 'widget-vbox')]")
    handle = panel.find_element("xpath", ".//label[.='distractor angle (°)']/..//*[@role='slider']")
    browser.driver.execute_script("arguments[0].scrollIntoView()", panel)

    def follows(angle: float) -> tuple[str, str]:
        """The line and the picture above it, once the line is that of Python at this angle."""
        expected = said(angle)
        line = browser.one(f"//*[contains(@class, 'widget-output')]//pre[contains(., '{expected}')]")
        picture = line.find_element("xpath", "ancestor::*[contains(@class, 'widget-output')]//img")
        return expected, picture.get_attribute("src")

    assert not browser.driver.execute_script(OVERFLOWS, panel), "the sliders are wider than a laptop's page"
    seen = [follows(45)]
    handle.send_keys(webdriver.Keys.ARROW_RIGHT)
    seen.append(follows(46))
    webdriver.ActionChains(browser.driver).drag_and_drop_by_offset(handle, 40, 0).perform()
    angle = float(handle.get_attribute("aria-valuenow"))
    assert angle > 60
    seen.append(follows(angle))
    lines, pictures = zip(*seen, strict=True)
    assert len(set(lines)) == len(set(pictures)) == 3
    browser.picture("demo_in_jupyterlab")

    browser.one(IDLE)
    prompts = browser.all("//*[contains(@class, 'jp-CodeCell')]//*[contains(@class, 'jp-InputPrompt')]")
    assert [prompt.get_attribute("textContent") for prompt in prompts] == ["[1]:", "[2]:"]
    assert not browser.all(OUTPUT.format("stderr"))
    assert not browser.all(OUTPUT.format("error"))


@pytest.fixture(scope="module")
def demo_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the demo's page."""
    path = tmp_path_factory.mktemp("page") / "demo.html"
    assert cli.main(["demo", "--html", str(path)]) == 0
    return path.as_uri()


def texts_of(params: Params, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The numbers on the page by the ids of their elements, by Python."""
    scene = demo.compute(params)
    with monkeypatch.context() as patched:
        patched.setattr(pages, "GRID", {name: [] for name in pages.GRID})  # the parameters' own values only
        table = pages.table_of(params)
    row = dict(zip(table["columns"], table["rows"][0], strict=True))
    expected = {f"vector-{k}": "({:.2f}, {:.2f})".format(*getattr(scene, k).round(2) + 0.0) for k in "wa"}
    angles = {"w": scene.angle_w, "a": scene.angle_a, "plus": row["angle_plus"], "minus": row["angle_minus"]}
    expected |= {f"angle-{k}": f"{round(angle, 1) + 0.0:.1f}°" for k, angle in angles.items()}
    rhos = {"S_x": None, **{k: row[f"rho_{k}"] for k in ("S_w", "S_a", "S_pm")}}
    expected |= {f"rho-{k}": "undefined" if rho is None else f"{rho:.2f}" for k, rho in rhos.items()}
    return {k: text.replace("-", "−") for k, text in expected.items()}


def drawn_angle(browser: Browser, arrow: str) -> float:
    """By how many degrees the arrow is turned on the screen, counter-clockwise."""
    script = "const m = document.getElementById(arguments[0]).getScreenCTM(); return Math.atan2(-m.b, m.a)"
    return float(np.degrees(browser.driver.execute_script(script, arrow)))


def test_the_page_of_the_demo(browser: Browser, demo_page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    browser.driver.get(demo_page)
    right, end, left = webdriver.Keys.ARROW_RIGHT, webdriver.Keys.END, webdriver.Keys.ARROW_LEFT
    shown = []
    for slider, keys, params in (
        ("angle", "", Params()),
        ("angle", right * 2, Params(angle=75)),
        ("noise", right, Params(angle=75, noise=0.25)),
        ("l2_per_point", end, Params(angle=75, noise=0.25, l2_per_point=1)),
        ("sigma", left, Params(angle=75, noise=0.25, l2_per_point=1, sigma=0.5)),
    ):
        browser.one(f"//input[@id='{slider}']").send_keys(keys)
        expected = texts_of(params, monkeypatch)
        shown.append({name: browser.one(f"//*[@id='{name}']").text for name in expected})
        assert shown[-1] == expected
        scene = demo.compute(params)
        assert drawn_angle(browser, "w") == pytest.approx(scene.angle_w, abs=0.1)
        assert drawn_angle(browser, "a") == pytest.approx(scene.angle_a, abs=0.1)
        assert drawn_angle(browser, "a_d") == pytest.approx(scene.angle_d, abs=0.1)
        if keys == right * 2:
            browser.picture("page")
    assert len({numbers["angle-w"] for numbers in shown}) == len(shown)
    assert browser.driver.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.driver.get_log("performance")]
    requests = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert requests == [demo_page]


def test_the_page_on_a_phone(browser: Browser, demo_page: str) -> None:
    phone = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    driver = browser.driver
    driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    driver.get(demo_page)
    page_width = driver.execute_script("return document.documentElement.scrollWidth")
    assert page_width == driver.execute_script("return innerWidth") == phone["width"]
    finger = webdriver.ActionChains(driver, devices=[pointer.PointerInput("touch", "finger")])
    finger.move_to_element(browser.one("//input[@id='angle']")).click().perform()  # its middle
    browser.one("//output[@id='angle-value'][.='0°']")
    assert drawn_angle(browser, "w") == pytest.approx(demo.compute(Params(angle=0)).angle_w, abs=0.1)
    assert "no filter can tell them apart" in browser.one("//*[@id='note']").text
    phone["height"] = driver.execute_script("return document.documentElement.scrollHeight")
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    browser.picture("page_phone")


def test_the_page_of_concepts(browser: Browser, tmp_path: Path) -> None:
    angles, images = [0.0, 30.0, 90.0], 300
    demo.concept_page(tmp_path / "concepts.html", angles, images)
    address = (tmp_path / "concepts.html").as_uri()
    browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.driver.get_log("performance")
    browser.driver.get(address)
    right, end = webdriver.Keys.ARROW_RIGHT, webdriver.Keys.END
    for slider, keys, (angle, correlation) in (
        ("angle", "", (30, 0.0)),
        ("angle", end, (90, 0.0)),
        ("correlation", right * 2, (90, 0.6)),
    ):
        browser.one(f"//input[@id='{slider}']").send_keys(keys)
        row = row_at(angle, correlation, images)
        for name in ("pattern", "filter"):
            shown = float(browser.one(f"//*[@id='cosine-{name}']").text)
            assert shown == pytest.approx(row.cosine(name), abs=0.0051)
            assert browser.one(f"//*[@id='accuracy-{name}']").text == (
                f"{row.concept.held_out[name].accuracy:.2f}"
            )
        heights = browser.driver.execute_script(
            "return [...document.querySelectorAll('.bar-filter')].map((bar) => bar.height.baseVal.value)"
        )
        np.testing.assert_allclose(heights, 50 * np.abs(row.concept.filter), atol=0.03)
    browser.picture("page_concepts")
    assert browser.driver.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.driver.get_log("performance")]
    requests = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert requests == [address]


@pytest.fixture(scope="module")
def walks(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any]:
    """The address of the microscope's page of a photo, and the trace that it shows."""
    model: Any = mx.models.pretrained("cifar10_maxpool")
    x = model.preprocess(mx.data.photo("chelsea"))
    trace = mx.methods.lrp(model, x).trace(mx.methods.guided_backprop(model, x), classes=model.classes)
    path = tmp_path_factory.mktemp("walks") / "walks.html"
    trace.save(path)
    return path.as_uri(), trace


def numbers_of(walk: Any, name: str, place: int) -> dict[str, float]:
    """What the page says in full of a walk at a place, by Python."""
    step = walk.steps[place - 1]
    found = {"came": step.came.sum(dtype=np.float64), "passed on": step.passed_on}
    if walk.conserves:
        found["still there"] = list(walk.levels)[place - 1]
    found |= {f"leaked, {reason}": leak for reason, leak in step.leaks.items()}
    found |= {f"stopped, {reason}": share for reason, share in (step.stopped or {}).items()}
    found["Σ|g| that arrives"] = np.abs(step.came).sum(dtype=np.float64)
    return {f"{name}: {what}": float(value) for what, value in found.items()}


def test_the_microscope_by_keyboard_alone(browser: Browser, walks: tuple[str, Any]) -> None:
    address, trace = walks
    driver = browser.driver
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    driver.get_log("performance")
    driver.get(address)
    last = len(trace.walks[0].steps) + 1
    right, left = webdriver.Keys.ARROW_RIGHT, webdriver.Keys.ARROW_LEFT
    body = driver.find_element("tag name", "body")
    assert browser.one("//*[@id='place']").text == f"0 of {last}"
    cells = "[...row.children].map((cell) => cell.textContent)"
    in_full = f"return [...document.querySelectorAll('#full tr')].map((row) => {cells})"
    for place in range(1, last):
        body.send_keys(right)
        expected = {
            what: value
            for walk, name in zip(trace.walks, ("LRP", "guided backprop"), strict=True)
            for what, value in numbers_of(walk, name, place).items()
        }
        shown = {what: float(value) for what, value in driver.execute_script(in_full)}
        assert shown == expected
        assert browser.one("//*[@id='node']").text.startswith(trace.walks[0].steps[place - 1].fused)
        assert browser.one("//*[@aria-current='step']").get_attribute("data-place") == str(place)
        parted = place == 1 + parting(trace.walks)[0]
        assert driver.execute_script("return document.getElementById('parted').textContent !== ''") == parted
        if place == 7:
            browser.picture("microscope")
    body.send_keys(right)
    browser.one("//*[@id='node'][.='The map']")
    assert not browser.one("//*[@id='next']").is_enabled()
    body.send_keys(webdriver.Keys.HOME)
    browser.one(f"//*[@id='place'][.='0 of {last}']")
    body.send_keys(right, right, left)
    slider = browser.one("//input[@id='slider']")
    assert slider.get_attribute("value") == "1"
    slider.send_keys(right)
    browser.one(f"//*[@id='place'][.='2 of {last}']")
    slider.send_keys(webdriver.Keys.TAB)  # to the tape, whose nodes are buttons
    assert driver.switch_to.active_element.get_attribute("data-place") == "0"
    driver.switch_to.active_element.send_keys(webdriver.Keys.TAB, webdriver.Keys.ENTER)
    browser.one(f"//*[@id='place'][.='1 of {last}']")
    driver.switch_to.active_element.send_keys(right * 8)
    images = driver.find_elements("css selector", "#shown img")
    assert len(images) > 20
    assert all(each.get_attribute("alt") and each.get_property("naturalWidth") for each in images)
    assert driver.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    requests = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert [url for url in requests if not url.startswith("data:")] == [address]


def test_the_microscope_on_a_phone_in_the_dark_and_on_paper(browser: Browser, walks: tuple[str, Any]) -> None:
    address, trace = walks
    driver = browser.driver
    phone = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    driver.get(address)
    for place in range(len(trace.walks[0].steps) + 2):
        if place:
            browser.one("//*[@id='next']").click()
        width = driver.execute_script("return document.documentElement.scrollWidth")
        assert width == phone["width"], place
    ground = "return getComputedStyle(document.body).backgroundColor"
    assert max(map(int, re.findall(r"\d+", driver.execute_script(ground)))) < 60
    browser.picture("microscope_phone")
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": []})
    frames = driver.find_elements("css selector", "#strip figure")
    maps = sum(step.left[0].size > max(step.left[0].shape) for step in trace.walks[0].steps)
    assert len(frames) == 1 + maps + 2
    assert all(each.is_displayed() for each in frames)
    assert not driver.find_element("id", "stage").is_displayed()
    assert driver.get_log("browser") == []


def test_the_page_of_play(browser: Browser, tmp_path: Path) -> None:
    frames = 5
    demo.play_page(tmp_path / "play.html", frames=frames)
    address = (tmp_path / "play.html").as_uri()
    driver = browser.driver
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    driver.get_log("performance")
    driver.get(address)
    right, left, up = (getattr(webdriver.Keys, f"ARROW_{way}") for way in ("RIGHT", "LEFT", "UP"))
    plot, slider, angle = (browser.one(f"//*[@id='{name}']") for name in ("plot", "frame", "angle"))
    (chosen,) = browser.all("//input[@value='suppressor']")
    row, column = (round(play.GRID * share) for share in (0.25, 0.75))
    suppressor, turned = play.SETS["suppressor"], play.ANGLES[play.ANGLES.index(60) + 1]
    further = suppressor._replace(make=play.suppressed(turned))

    def title(name: str) -> np.float32:
        return np.float32(browser.all(f"//*[@id='{name}']")[0].get_attribute("title"))

    for element, keys, data, frame, moved in (
        (slider, right, suppressor, 4, (0, 0)),
        (slider, left * 3, suppressor, 1, (0, 0)),
        (plot, up + left * 2, suppressor, 1, (-1, -2)),
        (angle, right, further, 1, (-1, -2)),
        (chosen, left, play.SETS["rings"], 1, (-1, -2)),
    ):
        element.send_keys(keys)
        _, _, found = play.recorded(data, 0, frames)
        point = play.GRID * (row + moved[0]) + column + moved[1]
        said = [[title(f"{name}-{d}") for d in (0, 1)] for name in play.ASKED]
        np.testing.assert_array_equal(said, found["said"][frame, :, point])
        assert title("score") == found["scores"][frame, point]
        assert title("loss") == np.float32(found["loss"][frame])
        if data.units == 0:
            off = f"{found['angles'][frame, 1]:.1f}°".replace("-", "−")
            assert browser.one("//*[@id='angle-a']").text == off
    assert not browser.all("//*[@id='turning']")[0].is_displayed()
    browser.picture("page_play")
    assert driver.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    requests = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert requests == [address]


def test_the_blank_cw3_fails_its_validation_in_jupyterlab(browser: Browser, lab: Lab) -> None:
    lab(browser, CW3)
    browser.click("//*[contains(@class, 'jp-Toolbar')]//*[.='Validate']")
    dialogue = browser.one("//*[@id='validation-message']").text
    browser.picture("cw3")
    cells = json.loads(CW3.read_text(encoding="utf-8"))["cells"]
    tests = [cell for cell in cells if cell["metadata"].get("nbgrader", {}).get("points")]
    assert dialogue.count("The following cell failed:") == len(tests) > 0
    assert all("".join(cell["source"]) in dialogue for cell in tests)
    assert "NotImplementedError" in dialogue
