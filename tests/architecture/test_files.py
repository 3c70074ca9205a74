"""House rules about files: what the pages may hold, what stays out of the repository, where tests stand."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "templates" / "pages").rglob("*.html"))
LONGEST_SOURCE, LONGEST_TEST = 500, 600
INLINE = {
    "a script in the page": re.compile(
        r"<script(?![^>]*\bsrc=)(?![^>]*\btype=\"application/json\")", re.IGNORECASE
    ),
    "a style element": re.compile(r"<style\b", re.IGNORECASE),
    "a style attribute": re.compile(r"<[^>]*\sstyle=", re.IGNORECASE),
    "an event attribute": re.compile(r"<[^>]*\son[a-z]+=", re.IGNORECASE),
    "a javascript: address": re.compile(r"=[\"']?javascript:", re.IGNORECASE),
    "evaluated htmx": re.compile(r"\bhx-on|\bjs:"),
    "another host's file": re.compile(
        r"<(?:script|link|img)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//", re.IGNORECASE
    ),
}
# Written apart, so that this file does not hold them itself.
OUTSIDE_ADDRESSES = [
    "py" + "pi.org",
    "files.python" + "hosted.org",
    "registry.npm" + "js.org",
    "registry.yarn" + "pkg.com",
]
MACHINE_PATHS = re.compile(r"(?<![\w.~-])/(?:work|root|opt/(?:pypi|wheels)|home/[a-z]+)/")


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def text_of(path: Path) -> str:
    try:
        return path.read_text()
    except UnicodeDecodeError:
        return ""


def source_files() -> list[Path]:
    folders = ("mailplatform", "subscribers", "campaigns", "events")
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return sorted(
        path for path in found if "migrations" not in path.parts and "node_modules" not in path.parts
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_a_page_holds_nothing_that_the_security_policy_refuses(page: Path) -> None:
    text = re.sub(r"{#.*?#}|{% comment %}.*?{% endcomment %}", "", page.read_text(), flags=re.DOTALL)
    assert [what for what, pattern in INLINE.items() if pattern.search(text)] == []


@pytest.mark.parametrize("address", OUTSIDE_ADDRESSES)
def test_no_file_names_a_package_index(address: str) -> None:
    assert [str(path.relative_to(ROOT)) for path in tracked() if address in text_of(path)] == []


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    found = {path: MACHINE_PATHS.search(text_of(path)) for path in tracked() if path != Path(__file__)}
    assert [f"{path.relative_to(ROOT)}: {match[0]}" for path, match in found.items() if match] == []


def test_each_locked_package_has_a_hash() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        entries = re.split(r"\n(?=[a-z0-9])", (ROOT / name).read_text().strip())
        assert len(entries) > 50
        assert [entry.split("==")[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_development_lock_holds_the_sites_versions() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^([a-z0-9-]+==[^\s;]+)", (ROOT / name).read_text(), re.MULTILINE))

    assert pins("requirements.txt") <= pins("requirements-dev.txt")


def test_files_stay_short() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in source_files()}
    assert [str(path.relative_to(ROOT)) for path, lines in lengths.items() if lines > LONGEST_SOURCE] == []
    tests = {path: len(path.read_text().splitlines()) for path in (ROOT / "tests").rglob("*.py")}
    assert [str(path.relative_to(ROOT)) for path, lines in tests.items() if lines > LONGEST_TEST] == []


FREE_FOLDERS = {"architecture", "journeys", "browser", "benchmarks", "factories", "fixtures", "drills"}


@pytest.mark.parametrize(
    "test",
    [
        path
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if path.relative_to(ROOT / "tests").parts[0] not in FREE_FOLDERS
    ],
    ids=lambda path: str(path.relative_to(ROOT / "tests")),
)
def test_a_test_file_stands_where_its_source_does(test: Path) -> None:
    """tests/<folder>/test_<name>.py tests <folder>/<name>.py, or the package <folder>/<name>/."""
    relative = test.relative_to(ROOT / "tests")
    name = relative.stem.removeprefix("test_")
    folder = ROOT / relative.parent
    candidates = {path.stem for path in folder.glob("*.py")} | {
        path.name for path in folder.glob("*") if path.is_dir()
    }
    # A file per behaviour is welcome: test_<module>_<behaviour>.py.
    assert any(name == candidate or name.startswith(f"{candidate}_") for candidate in candidates), (
        f"{relative} tests no module of {relative.parent}"
    )
