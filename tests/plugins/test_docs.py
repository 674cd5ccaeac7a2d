"""The pages on plug-ins, followed literally: their files installed as a package, or put into the folder, up
to a prediction.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import soundfile
from plugins.package import install

import mmer_core.corpora
import mmer_core.encoders
import mmer_core.fusion
from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.options import options_of
from mmer_core.registry import Registry

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {
    "add-an-encoder.md": (mmer_core.encoders.ENCODERS, "loudness"),
    "add-a-fusion-model.md": (mmer_core.fusion.FUSION_MODELS, "gated"),
    "add-a-corpus.md": (mmer_core.corpora.READERS, "sentences"),
}
SPEAKERS = ("anna", "bert", "carl", "dora", "emil", "fred")
REGISTRIES = [registry for registry, _ in PAGES.values()]


def files_of(page: str) -> dict[str, str]:
    """{name: content} of the files that a page shows."""
    text = (DOCS / page).read_text()
    return dict(
        re.findall(r"^\*\*`([\w.]+)`\*\*\n\n```\w+\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    )


def sound(pitch: float, amplitude: float, seed: int, seconds: float = 0.4) -> np.ndarray:
    """(N,) float32: harmonics of a pitch in some noise."""
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    voice = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 6))
    noise = np.random.default_rng(seed).standard_normal(len(time))
    return (amplitude * (voice + 0.05 * noise)).astype(np.float32)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory) -> Path:
    """A folder with the recordings that the pages suppose: by label, and named after what they are."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "recordings").mkdir()
    spoken = {
        "joy": ("happy", 220, 0.3, "what a lovely day"),
        "sadness": ("sad", 110, 0.03, "I miss her so much"),
    }
    for seed, (speaker, label) in enumerate(product(SPEAKERS, spoken)):
        emotion, pitch, amplitude, words = spoken[label]
        waveform = sound(pitch + 3 * seed, amplitude, seed)
        clip = folder / "clips" / label / f"{speaker}_1.wav"
        clip.parent.mkdir(parents=True, exist_ok=True)
        clip.with_suffix(".txt").write_text(words)
        soundfile.write(clip, waveform, SAMPLE_RATE)
        soundfile.write(folder / "recordings" / f"{speaker}_01_{emotion}.wav", waveform, SAMPLE_RATE)
    soundfile.write(folder / "recordings" / "anna_01_calm.wav", sound(150, 0.05, 1), SAMPLE_RATE)
    soundfile.write(folder / "recordings" / "noise.wav", sound(150, 0.05, 1), SAMPLE_RATE)
    return folder


@pytest.fixture(autouse=True)
def apart(tmp_path, monkeypatch) -> Iterator[None]:
    """Runs and features in a folder of their own, and registries that forget what a test adds."""
    monkeypatch.setenv("MMER_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    known = [registry.names() for registry in REGISTRIES]
    yield
    monkeypatch.undo()
    for registry, names in zip(REGISTRIES, known, strict=True):
        for name in set(registry.names()) - set(names):
            registry.unregister(name)
        registry.rescan()


@pytest.fixture
def put_into_folder(tmp_path, monkeypatch):
    """Put a file into the folder of a registry: into a second part of it, so that the project's stays
    clean.
    """

    def put(registry: Registry, name: str, content: str) -> None:
        (tmp_path / "more").mkdir(exist_ok=True)
        (tmp_path / "more" / name).write_text(content)
        package = sys.modules[registry.package]
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path / "more")])
        monkeypatch.delitem(sys.modules, f"{registry.package}.{Path(name).stem}", raising=False)
        registry.rescan()

    return put


def install_page(page: str, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Install the package that a page's pyproject.toml describes."""
    files = files_of(page)
    project = tomllib.loads(files["pyproject.toml"])
    groups = project["project"]["entry-points"]
    modules = {
        f"{module}.py": files[f"{module}.py"] for module in project["tool"]["setuptools"]["py-modules"]
    }
    points = "".join(
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
        for group, points in groups.items()
    )
    install(folder / "site", patch, project["project"]["name"], modules, points)
    for registry, _ in PAGES.values():
        registry.rescan()


@pytest.mark.long
@pytest.mark.parametrize("page", PAGES)
def test_each_page_leads_to_a_prediction(page, workplace, tmp_path, monkeypatch, capsys):
    registry, name = PAGES[page]
    install_page(page, tmp_path, monkeypatch)
    assert registry.entry(name).module == name
    assert registry.problems == ()
    monkeypatch.chdir(workplace)
    script: dict[str, object] = {}
    exec(compile(files_of(page)["try_it.py"], page, "exec"), script)
    prediction = script["prediction"]
    assert prediction.label in ("joy", "sadness")
    assert prediction.label == "joy"
    assert prediction.label in capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES)
def test_the_same_file_works_in_the_folder_and_shows_its_options(page, put_into_folder):
    registry, name = PAGES[page]
    put_into_folder(registry, f"{name}.py", files_of(page)[f"{name}.py"])
    entry = registry.entry(name)
    assert entry.module == f"{registry.package}.{name}"
    assert entry.description
    options = options_of(registry.factory(name))
    assert options
    assert all(option.help and option.label for option in options)
    assert name in registry.names()
    assert registry.problems == ()


def test_the_corpus_page_reads_what_it_says(workplace, put_into_folder, monkeypatch):
    put_into_folder(mmer_core.corpora.READERS, "sentences.py", files_of("add-a-corpus.md")["sentences.py"])
    corpus = mmer_core.corpora.read(f"sentences:{workplace / 'recordings'}")
    assert len(corpus) == 2 * len(SPEAKERS) + 1
    assert corpus.labels == ("neutral", "joy", "sadness")
    assert set(corpus.table["group"]) == set(SPEAKERS)
    assert [problem.id for problem in corpus.problems] == ["noise.wav"]
    options = mmer_core.corpora.parse_options("sentences:x", ["calm=keep"])
    kept = mmer_core.corpora.read(f"sentences:{workplace / 'recordings'}", **options)
    assert kept.labels == ("joy", "sadness", "calm")


def test_the_encoder_pages_pretrained_network_works_with_random_weights(put_into_folder):
    put_into_folder(mmer_core.encoders.ENCODERS, "hubert.py", files_of("add-an-encoder.md")["hubert.py"])
    encoder = mmer_core.encoders.create("hubert", random_init=0)
    features = encoder.encode(Clip("a", "", "audio", 1.0, waveform=sound(150, 0.1, 0, seconds=1.0)))
    assert features.shape == (49, 32)
    assert features.dtype == np.float32
    with pytest.raises(
        mmer_core.encoders.EncoderUnavailable, match=r"hubert\.safetensors is not in .*: convert"
    ):
        mmer_core.encoders.create("hubert")


BROKEN = "import a_library_that_nobody_has\n"


@pytest.mark.parametrize("group", ["encoders", "fusion", "corpora"])
def test_a_package_that_fails_on_import_is_one_sentence_and_everything_else_goes_on(
    group, tmp_path, monkeypatch
):
    registry = next(r for r in REGISTRIES if r.group == f"mmer.{group}")
    known = registry.names()
    install(
        tmp_path / "site", monkeypatch, "their-work", {"theirs.py": BROKEN}, f"[mmer.{group}]\nx = theirs\n"
    )
    registry.rescan()
    assert registry.names() == known
    assert registry.problems == (
        "the plug-in theirs of their-work fails on import (No module named 'a_library_that_nobody_has'): "
        "correct or uninstall it",
    )
    assert registry.create("dialogue").spec.dim == 3 if group == "encoders" else registry.factory(known[0])


@pytest.mark.parametrize("page", PAGES)
def test_a_package_that_takes_a_known_name_is_one_sentence(page, tmp_path, monkeypatch):
    registry, name = PAGES[page]
    taken = registry.names()[0]
    text = (
        files_of(page)[f"{name}.py"]
        .replace(f'    "{name}",', f'    "{taken}",')
        .replace(f'("{name}",', f'("{taken}",')
    )
    point = f"[{registry.group}]\nx = theirs\n"
    install(tmp_path / "site", monkeypatch, "their-work", {"theirs.py": text}, point)
    registry.rescan()
    assert registry.entry(taken).module.startswith(registry.package)
    (said,) = registry.problems
    assert (
        f"{taken!r} is registered twice, by {registry.entry(taken).module} and by theirs: rename one" in said
    )
    assert "\n" not in said
