"""Parts by name: found, brought by packages, registered at run time, refused in words."""

import sys
import threading
import warnings
from types import SimpleNamespace

import pytest

from fatheory.errors import PluginError, PluginWarning, UnknownNameError
from fatheory.registry import Registry

GROUP = "fatheory.shapes"


class Shape:
    def __init__(self, name):
        self.name = name


class Unnamed(Shape):
    @property
    def name(self):
        raise RuntimeError("no name today")

    @name.setter
    def name(self, value):
        pass


def unfit(part):
    return "" if isinstance(part, Shape) else "is not a Shape"


@pytest.fixture
def points():
    return []


@pytest.fixture
def shapes(monkeypatch, points):
    """A registry of two shapes, and the entry points of packages that it sees."""
    monkeypatch.setattr("fatheory.registry.entry_points", lambda group: points)
    return Registry("shape", GROUP, [Shape("disc"), Shape("square")], unfit=unfit)


def point(name, load, package="drawn", version="1.2"):
    dist = SimpleNamespace(name=package, version=version)
    return SimpleNamespace(name=name, value=f"{package}.parts:{name}", load=load, dist=dist)


def failing():
    raise ImportError("no module named 'pencil'")


def test_built_in_parts_are_found_and_listed(shapes):
    assert list(shapes.known()) == ["disc", "square"]
    assert shapes.find("disc").name == "disc"
    assert shapes.package_of("disc") is None
    with pytest.raises(UnknownNameError, match="unknown shape 'dics'; did you mean 'disc'"):
        shapes.find("dics")


def test_a_package_is_loaded_when_its_part_is_asked_for(shapes, points):
    loaded = []
    star, ring = Shape("star"), Shape("ring")
    points += [
        point("star", lambda: loaded.append("star") or star),
        point("ring", lambda: loaded.append("ring") or ring),
    ]
    shapes.find("disc")
    assert loaded == []
    assert shapes.find("star") is star
    assert loaded == ["star"]
    assert list(shapes.known()) == ["disc", "square", "star", "ring"]
    assert shapes.known()["ring"] is shapes.find("ring") is ring
    assert loaded == ["star", "ring"]
    assert shapes.package_of("star") == "drawn 1.2"


def test_a_part_may_be_called_otherwise_than_its_entry_point(shapes, points):
    star = Shape("star")
    points.append(point("five-pointed", lambda: star))
    assert shapes.find("star") is star


def test_a_package_that_does_not_import_stops_nothing_else(shapes, points):
    star = Shape("star")
    points += [point("ring", failing, "rings"), point("star", lambda: star)]
    assert shapes.find("star") is star
    message = (
        r"the shape 'ring' of rings 1.2 cannot be loaded \(rings.parts:ring\): ImportError: no "
        r"module named 'pencil'; update or uninstall rings 1.2"
    )
    with pytest.warns(PluginWarning, match=message):
        assert list(shapes.known()) == ["disc", "square", "star"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # told once
        assert list(shapes.known()) == ["disc", "square", "star"]
    with pytest.raises(PluginError, match=message):
        shapes.find("ring")
    with pytest.raises(UnknownNameError, match=f"unknown shape 'cube' .*; {message}"):
        shapes.find("cube")


def test_a_package_that_leaves_at_import_stops_nothing_else(shapes, points):
    points.append(point("ring", lambda: sys.exit(3), "rings"))
    with pytest.warns(PluginWarning, match=r"'ring' of rings 1\.2 cannot be loaded.*SystemExit: 3"):
        assert list(shapes.known()) == ["disc", "square"]


def test_what_a_package_brings_must_be_such_a_part(shapes, points):
    points += [point("number", lambda: 3), point("nameless", lambda: Unnamed(""))]
    points += [point("empty", lambda: Shape(""))]
    for name, message in (
        ("number", r"'number' of drawn 1.2 is no shape for fatheory.shapes: 3 is not a Shape"),
        ("nameless", r"fails with RuntimeError: no name today; update or uninstall drawn 1.2"),
        ("empty", r"has no name; got ''"),
    ):
        with pytest.raises(PluginError, match=message):
            shapes.find(name)


@pytest.mark.parametrize(
    "name",
    ["[red]x[/]", "a b", "tab\t", "end\n", "up/../down", "back\\slash", "..", "\x1b[2J", " "],
)
def test_names_go_into_paths_tables_and_attributes(shapes, points, name):
    points.append(point("odd", lambda: Shape(name)))
    with pytest.raises(PluginError, match=r"has the name '.*'; names go into paths"):
        shapes.find("odd")
    with pytest.raises(PluginError, match="names go into paths, tables and attributes"):
        shapes.register(Shape(name))
    assert shapes.register(Shape("vis-à-vis_2.0+")).name in shapes.known()


def test_names_cannot_be_taken(shapes, points):
    points += [
        point("disc", lambda: Shape("disc"), "first"),
        point("star", lambda: Shape("star"), "second"),
        point("other", lambda: Shape("star"), "third"),
    ]
    with pytest.warns(PluginWarning) as told:
        known = shapes.known()
    assert [str(one.message).partition(";")[0] for one in told] == [
        "first 1.2 brings a shape 'disc', a name that fatheory has already",
        "third 1.2 brings a shape 'star', a name that second 1.2 has already",
    ]
    assert known["disc"] is shapes.find("disc")
    assert shapes.package_of("disc") is None
    for name, owner in (("disc", "fatheory"), ("star", "second 1.2")):
        with pytest.raises(PluginError, match=f"'{name}', a name that {owner} has already"):
            shapes.register(Shape(name))


def test_parts_are_registered_at_run_time(shapes):
    star = shapes.register(Shape("star"))
    assert shapes.find("star") is star
    assert shapes.package_of("star") == f"{__name__} (at run time)"
    # A cell of a notebook that is run again brings a new part of the same name.
    again = shapes.register(Shape("star"))
    assert shapes.known()["star"] is again
    with pytest.raises(PluginError, match=r"is no shape for .*: .star. is not a Shape"):
        shapes.register("star")
    shapes.forget()
    with pytest.raises(UnknownNameError):
        shapes.find("star")


def test_a_package_may_register_its_part_itself(shapes, points):
    star = Shape("star")
    points.append(point("star", lambda: shapes.register(star)))
    assert list(shapes.known()) == ["disc", "square", "star"]
    assert shapes.find("star") is star


def test_a_package_that_another_thread_imports_does_not_hang(shapes, points):
    """Importing waits for the module, whose body waits for nothing of ours while it registers."""
    star, importing, done = Shape("star"), threading.Event(), threading.Event()

    def import_elsewhere():
        assert importing.wait(5)
        shapes.register(Shape("ring"))
        done.set()

    def load():
        importing.set()
        if not done.wait(5):
            raise ImportError("the other thread hangs")
        return star

    points.append(point("star", load))
    other = threading.Thread(target=import_elsewhere, daemon=True)
    other.start()
    assert shapes.find("star") is star
    other.join()
    assert list(shapes.known()) == ["disc", "square", "star", "ring"]


def test_a_package_loaded_by_threads_at_once_is_one_part(shapes, points):
    star, both, found = Shape("star"), threading.Barrier(2, timeout=5), []

    def load():
        both.wait()
        return star

    points.append(point("star", load))
    threads = [threading.Thread(target=lambda: found.append(shapes.find("star"))) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [star, star]
