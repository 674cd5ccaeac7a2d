"""Made-up features: readable like a real archive, the same every time, and called by their name."""

from mmer_core import corpora
from mmer_core.corpora import made_up
from mmer_core.labels import Modality


def test_they_are_read_like_an_archive_and_say_what_they_are(tmp_path):
    manifest = corpora.read(f"features:{made_up.write(tmp_path / 'new')}")
    assert len(manifest) == made_up.SPEAKERS * made_up.UTTERANCES
    assert set(manifest.labels) == set(made_up.CLASSES)
    assert all(id.startswith("made-up") for id in manifest.ids)
    assert len(set(manifest.groups())) == made_up.SPEAKERS
    assert all(manifest.has_features(m) for m in (Modality.TEXT, Modality.AUDIO, Modality.VISUAL))
    assert {p.reason.partition(": ")[2] for p in manifest.problems} == {"the table names no file"}, (
        "absent ones, and nothing damaged"
    )


def test_the_seed_decides(tmp_path):
    tables = [
        (made_up.write(tmp_path / str(i), seed) / "dataset.csv").read_text()
        for i, seed in enumerate((0, 0, 1))
    ]
    assert tables[0] == tables[1] != tables[2]
    again = [corpora.read(f"features:{tmp_path / name}").fingerprint for name in ("0", "1")]
    assert again[0] == again[1]
