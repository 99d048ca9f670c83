"""The site builds without a warning, and every link within it leads somewhere."""

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from notebook_runs import ROOT


class Page(HTMLParser):
    """The links of a page, and the places in it that links can lead to."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors |= {value for key in ("id", "name") if (value := given.get(key))}
        link = given.get("href" if tag in {"a", "link"} else "src")
        if link:
            self.links.append(link)


def dead_links(folder: Path) -> list[str]:
    """List the links of a folder of pages that lead to no file or to no place in one."""
    # Folders with a leading underscore hold what themes bring, templates among it.
    files = [f for f in folder.rglob("*.html") if f.relative_to(folder).parts[0][0] != "_"]
    pages = {file.resolve(): Page(file) for file in files}
    dead = []
    for file, page in pages.items():
        for link in page.links:
            path, anchor = urldefrag(link)
            if path.startswith(("http:", "https:", "mailto:", "data:", "javascript:")):
                continue
            target = (file.parent / unquote(path.partition("?")[0])).resolve() if path else file
            lost = not target.exists()
            if not lost and anchor and target in pages:
                lost = unquote(anchor) not in pages[target].anchors
            if lost:
                dead.append(f"{file.relative_to(folder.resolve())}: {link}")
    return dead


def test_a_dead_link_is_found(tmp_path):
    (tmp_path / "a.html").write_text("<a href='b.html#there'></a><a href='b.html?v=1'></a>")
    (tmp_path / "b.html").write_text(
        "<p id='there'></p><a href='#gone'></a><img src='c.png'><a href='https://x.org/y'></a>"
    )
    assert dead_links(tmp_path) == ["b.html: #gone", "b.html: c.png"]


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_its_links_lead_somewhere(tmp_path):
    pytest.importorskip("sphinx", reason="pip install -e '.[docs]'")
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "docs", tmp_path / "site"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    assert dead_links(tmp_path / "site") == []
