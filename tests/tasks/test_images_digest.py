"""The images of a folder are part of what a run is: others in their place are noticed."""

import importlib
import json
import os
import shutil
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
from test_images_folder import pack, picture, unparted  # noqa: F401

import fatheory as fa
from fatheory.errors import ArchiveWriteError, DataError, StoppedRun
from fatheory.initial.stored_samples import stored_samples
from fatheory.tasks.images import image_set
from fatheory.train import run as running

simulating = importlib.import_module("fatheory.train.simulate")


def digest(name):
    return image_set(name).digest


def test_the_digest_is_that_of_the_images_in_their_order(pack, data_root):  # noqa: F811
    files = unparted(a=11, b=12)
    found = digest(pack(files))
    assert len(found) == 64
    # Neither packing, nor names, nor what is no image changes it; nor the size asked for.
    assert digest(pack(files, ".tar.gz", "packed")) == found
    assert digest(f"{pack(files, 'folder', 'sized')}@4x4") == found
    named = {path.replace("/", "/x"): content for path, content in files.items()}
    assert digest(pack(named | {"a/notes.txt": b"no image"}, "folder", "named")) == found
    # Another image does, and so do two that change places.
    first, second, *_ = sorted(files)
    other = files | {first: picture(200)}
    swapped = files | {first: files[second], second: files[first]}
    found_elsewhere = [
        digest(pack(other, "folder", "other")),
        digest(pack(swapped, "folder", "swapped")),
    ]
    assert len({found, *found_elsewhere}) == 3


def experiment(name, **changes):
    return fa.Experiment(
        task=fa.ImageTask(dataset=name),
        network={"hidden": [3], "output": "softmax", "start": {"distribution": "scaled"}},
        rules={"backprop": 0.1, "feedback_alignment": 0.1},
        schedule={"phases": [{"steps": 12}]},
        record={"quantities": ["classification_error"], "snapshots": 3},
        **changes,
    )


@pytest.fixture
def folder(pack, data_root, monkeypatch):  # noqa: F811
    monkeypatch.setattr(running, "LONGEST_SEGMENT", 4)
    stored_samples.cache_clear()
    return pack(unparted(a=15, b=15)), data_root / "own/set"


def replace_images(path):
    """Put other images of the same number, size, classes, bytes and times in their place."""
    for one in sorted(path.rglob("*.png")):
        times = one.stat()
        content = picture(255 - int(one.stem))
        one.write_bytes(content)
        os.utime(one, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_what_is_described_anew_is_another_experiment(folder):
    name, path = folder
    before = experiment(name)
    replace_images(path)
    after = experiment(name)
    assert after != before
    assert after.content_hash != before.content_hash
    assert after.former_hashes == before.former_hashes  # which did not look at the images


def test_a_finished_run_is_not_given_for_other_images(folder, tmp_path):
    name, path = folder
    asked = experiment(name)
    done = fa.simulate(asked, path=tmp_path / "run")
    assert fa.simulate(asked, path=tmp_path / "run").identical(done)
    replace_images(path)
    with pytest.raises(
        DataError, match=r"as many images, and others.*describe the experiment anew"
    ):
        fa.simulate(asked, path=tmp_path / "run")
    with pytest.raises(DataError, match="as many images, and others"):
        fa.simulate(asked)
    with pytest.raises(ArchiveWriteError, match="holds another archive"):
        fa.simulate(experiment(name), path=tmp_path / "run")
    other = fa.simulate(experiment(name))
    assert not np.array_equal(other["loss"], done["loss"])
    # Where the folder is not, an archive stands for itself.
    shutil.rmtree(path)
    assert fa.simulate(asked, path=tmp_path / "run").identical(done)


def test_a_stopped_run_does_not_go_on_with_other_images(folder, tmp_path, monkeypatch):
    name, path = folder

    @contextmanager
    def stopping():
        yield SimpleNamespace(asked=True)

    asked = experiment(name)
    with monkeypatch.context() as patch:
        patch.setattr(simulating, "stop_request", stopping)
        with pytest.raises(StoppedRun):
            fa.simulate(asked, path=tmp_path / "run")
    replace_images(path)
    with pytest.raises(DataError, match="as many images, and others"):
        fa.simulate(asked, path=tmp_path / "run")
    with pytest.raises(ArchiveWriteError, match="unfinished archive of another run"):
        fa.simulate(experiment(name), path=tmp_path / "run")


def test_a_sweep_does_not_go_on_with_other_images(folder, tmp_path):
    name, path = folder
    sweep = fa.Sweep(experiment=experiment(name), axes={"rules.*.learning_rate": [0.1, 0.2]})
    done = sweep.run(tmp_path / "sweep")
    assert sweep.run(tmp_path / "sweep").identical(done)
    replace_images(path)
    with pytest.raises(DataError, match="as many images, and others"):
        sweep.run(tmp_path / "sweep")
    anew = sweep.replaced(experiment=experiment(name))
    with pytest.raises(ArchiveWriteError, match="no sweep that shares finished cells"):
        anew.run(tmp_path / "sweep")


def test_archives_of_a_version_that_did_not_look_are_found(folder, tmp_path, monkeypatch):
    name, _ = folder
    asked = experiment(name)
    data = json.loads(asked.to_json())
    del data["version"], data["task"]["contents"]["digest"]
    former = fa.Experiment.from_json(json.dumps(data))
    assert former.task.contents.digest == ""
    assert former.former_hashes == asked.former_hashes
    done = fa.simulate(former, path=tmp_path / "run")
    monkeypatch.setattr(simulating, "start_run", None)
    assert fa.simulate(asked, path=tmp_path / "run").identical(done)
