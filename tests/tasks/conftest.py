"""Image sets small enough to be made by the tests, in the layouts of the real ones."""

import gzip
import hashlib
import io
import struct
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from scipy.io import savemat

from fatheory.tasks.images import IMAGE_SETS, DataFile, ImageSet

IDX_NAMES = ("train-images.gz", "train-labels.gz", "test-images.gz", "test-labels.gz")
BATCH_NAMES = ("batches/data_1.bin", "batches/data_2.bin", "batches/test.bin")


@dataclass
class Tiny:
    """A registered image set, its arrays, and its files' contents by name."""

    entry: ImageSet
    root: Path
    pixels: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]
    contents: dict[str, bytes] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def where(self) -> Path:
        return self.root / self.name

    def write(self, *names: str) -> None:
        """Put official files (all that are downloaded, by default) where they belong."""
        for name in names or [file.name for file in self.entry.files]:
            self.replace(name, self.contents[name])

    def replace(self, name: str, content: bytes) -> Path:
        path = self.where / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    @staticmethod
    def idx_bytes(array: np.ndarray) -> bytes:
        header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
        return header + array.astype(np.uint8).tobytes()

    @staticmethod
    def tar_bytes(members: list[tuple[str, bytes]]) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name, content in members:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        return buffer.getvalue()


def data_file(name: str, content: bytes, part: str | None, mirrors: tuple[str, ...]) -> DataFile:
    urls = tuple(f"{mirror}/{name}" for mirror in mirrors)
    return DataFile(name, hashlib.sha256(content).hexdigest(), len(content), urls, part)


def image_entry(name: str, layout: str, shape: tuple[int, ...], **files: object) -> ImageSet:
    return ImageSet(
        name=name,
        title=f"Tiny {layout}",
        layout=layout,
        train=12,
        test=5,
        validation=4,
        shape=shape,
        class_names=("a", "b", "c"),
        licence="none",
        citation="none",
        **files,
    )


def random_arrays(shape: tuple[int, ...]) -> tuple[dict, dict]:
    rng = np.random.default_rng(5)
    counts = {"train": 12, "test": 5}
    pixels = {p: rng.integers(0, 256, (n, *shape), dtype=np.uint8) for p, n in counts.items()}
    labels = {p: rng.integers(0, 3, n, dtype=np.uint8) for p, n in counts.items()}
    return pixels, labels


@pytest.fixture
def data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "data"
    monkeypatch.setenv("FATHEORY_DATA_DIR", str(root))
    return root


@dataclass
class Mirror:
    """A folder that is served over HTTP on this machine."""

    folder: Path
    url: str
    requests: list[str]


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    folder = tmp_path / "mirror"
    folder.mkdir()
    requests: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_request(self, *args: object) -> None:
            requests.append(self.path)

        def log_message(self, *args: object) -> None:
            """Stay silent about what is not there."""

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Mirror(folder, f"http://127.0.0.1:{server.server_port}", requests)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def tiny_idx(data_root: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> Tiny:
    """Two mirrors: the first has nothing until a test puts something there."""
    pixels, labels = random_arrays((3, 4))
    arrays = (pixels["train"], labels["train"], pixels["test"], labels["test"])
    contents = {
        name: gzip.compress(Tiny.idx_bytes(array), mtime=0)
        for name, array in zip(IDX_NAMES, arrays, strict=True)
    }
    (mirror.folder / "second").mkdir()
    for name, content in contents.items():
        (mirror.folder / "second" / name).write_bytes(content)
    urls = (f"{mirror.url}/first", f"{mirror.url}/second")
    files = tuple(
        data_file(name, content, name.split("-")[0], urls) for name, content in contents.items()
    )
    entry = image_entry("tiny-idx", "idx", (3, 4), files=files)
    monkeypatch.setitem(IMAGE_SETS, entry.name, entry)
    return Tiny(entry, data_root, pixels, labels, contents)


@pytest.fixture
def tiny_cifar(data_root: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> Tiny:
    pixels, labels = random_arrays((2, 2, 3))
    contents = {}
    pieces = (("train", 0, 6), ("train", 6, 12), ("test", 0, 5))
    for name, (part, start, stop) in zip(BATCH_NAMES, pieces, strict=True):
        records = b""
        for k in range(start, stop):
            image = pixels[part][k]
            records += bytes([labels[part][k]])
            records += b"".join(image[:, :, colour].tobytes() for colour in range(3))
        contents[name] = records
    unpacked = tuple(
        data_file(name, content, part, ())
        for (name, content), (part, _, _) in zip(contents.items(), pieces, strict=True)
    )
    # The official archive too has other members, and the batches in no particular order.
    archive = Tiny.tar_bytes([("batches/readme.html", b"hello"), *reversed(contents.items())])
    contents["tiny.tar.gz"] = archive
    (mirror.folder / "tiny.tar.gz").write_bytes(archive)
    files = (data_file("tiny.tar.gz", archive, None, (mirror.url,)),)
    entry = image_entry("tiny-cifar", "cifar", (2, 2, 3), files=files, unpacked=unpacked)
    monkeypatch.setitem(IMAGE_SETS, entry.name, entry)
    return Tiny(entry, data_root, pixels, labels, contents)


@pytest.fixture
def tiny_cifar_100(data_root: Path, monkeypatch: pytest.MonkeyPatch) -> Tiny:
    pixels, labels = random_arrays((2, 2, 3))
    contents = {}
    for part in ("train", "test"):
        # Coarse labels are out of the fine ones' range: they must not be taken for them.
        stored = pixels[part].transpose(0, 3, 1, 2).reshape(-1, 12)
        coarse = np.full((len(stored), 1), 19, np.uint8)
        records = np.concatenate([coarse, labels[part][:, None], stored], axis=1)
        contents[f"tiny/{part}.bin"] = records.tobytes()
    return packed("tiny-cifar-100", "cifar-100", data_root, monkeypatch, pixels, labels, contents)


@pytest.fixture
def tiny_stl(data_root: Path, monkeypatch: pytest.MonkeyPatch) -> Tiny:
    pixels, labels = random_arrays((2, 4, 3))
    contents = {}
    for part in ("train", "test"):
        contents[f"tiny/{part}_X.bin"] = pixels[part].transpose(0, 3, 2, 1).tobytes()
        contents[f"tiny/{part}_y.bin"] = (labels[part] + 1).tobytes()
    return packed("tiny-stl", "stl-10", data_root, monkeypatch, pixels, labels, contents)


def packed(name, layout, root, monkeypatch, pixels, labels, contents) -> Tiny:
    """Register an archive of two parts whose members are known by their md5 alone."""
    unpacked = tuple(
        DataFile(
            member,
            None,
            len(content),
            part="train" if "train" in member else "test",
            md5=hashlib.md5(content).hexdigest(),
        )
        for member, content in contents.items()
    )
    archive = Tiny.tar_bytes([("tiny/unlabeled_X.bin", b"more"), *reversed(contents.items())])
    contents["tiny.tar.gz"] = archive
    files = (data_file("tiny.tar.gz", archive, None, ()),)
    shape = pixels["train"].shape[1:]
    entry = image_entry(name, layout, shape, files=files, unpacked=unpacked)
    monkeypatch.setitem(IMAGE_SETS, entry.name, entry)
    return Tiny(entry, root, pixels, labels, contents)


@pytest.fixture
def tiny_svhn(data_root: Path, monkeypatch: pytest.MonkeyPatch) -> Tiny:
    pixels, labels = random_arrays((4, 2, 3))
    contents = {}
    for part in ("train", "test"):
        buffer = io.BytesIO()
        # The first class is stored as 3, as the digit 0 is as 10.
        stored = np.where(labels[part] == 0, 3, labels[part])[:, None].astype(np.uint8)
        savemat(buffer, {"X": pixels[part].transpose(1, 2, 3, 0), "y": stored}, do_compression=True)
        contents[f"{part}.mat"] = buffer.getvalue()
    files = tuple(data_file(f"{p}.mat", contents[f"{p}.mat"], p, ()) for p in ("train", "test"))
    entry = image_entry("tiny-svhn", "svhn", (4, 2, 3), files=files)
    monkeypatch.setitem(IMAGE_SETS, entry.name, entry)
    return Tiny(entry, data_root, pixels, labels, contents)
