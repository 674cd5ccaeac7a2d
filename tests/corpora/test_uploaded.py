"""Corpora that were sent: what is read of an honest archive, and what a hostile one cannot do."""

from __future__ import annotations

import io
import stat
import zipfile
from typing import ClassVar

import pytest

from mmer_core.corpora import CorpusError, read
from mmer_core.corpora.archive import ArchiveLimits
from mmer_core.corpora.uploaded import TEMPLATE, receive_archive, receive_table

CLIP = b"RIFF not a real clip, never decoded here"


def packed(files: dict[str, bytes | str], *, how: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    """A zip archive with these files."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", how) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, how)
    target.seek(0)
    return target


def receive(tmp_path, files, **options):
    folder = tmp_path / "private"
    folder.mkdir()
    return receive_archive(packed(files) if isinstance(files, dict) else files, "c.zip", folder, **options)


def reasons(uploaded) -> dict[str, str]:
    return {problem.id: problem.reason for problem in uploaded.problems}


def everything_below(folder) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


class TestFolders:
    FILES: ClassVar = {
        "corpus/happy/anna_1.wav": CLIP,
        "corpus/happy/anna_1.txt": "What a day!",
        "corpus/angry/ben 1.mp4": CLIP + b"2",
        "corpus/readme.md": "about",
        "corpus/holidays/sea.mp4": CLIP,
        "__MACOSX/corpus/happy/._anna_1.wav": b"x",
        "corpus/.DS_Store": b"x",
    }

    def test_labels_words_and_speakers_come_from_the_names(self, tmp_path):
        uploaded = receive(tmp_path, self.FILES, speaker="^[a-z]+")
        table = read(uploaded.manifest).table.set_index("id")
        assert set(table.index) == {"corpus/happy/anna_1.wav", "corpus/angry/ben 1.mp4"}
        anna = table.loc["corpus/happy/anna_1.wav"]
        assert (anna["label"], anna["text"], anna["group"]) == ("joy", "What a day!", "anna")
        assert table.loc["corpus/angry/ben 1.mp4", "group"] == "ben"

    def test_names_are_not_used_as_paths(self, tmp_path):
        uploaded = receive(tmp_path, self.FILES)
        assert everything_below(uploaded.manifest.parent) == {
            "manifest.csv",
            "clips/0001.mp4",
            "clips/0002.wav",
        }

    def test_a_folder_that_is_no_emotion_is_listed(self, tmp_path):
        assert (
            "no folder named for an emotion"
            in reasons(receive(tmp_path, self.FILES))["corpus/holidays/sea.mp4"]
        )

    def test_no_folder_named_for_an_emotion(self, tmp_path):
        with pytest.raises(CorpusError, match=r"no folder named for an emotion, such as anger/"):
            receive(tmp_path, {"a/1.wav": CLIP})


class TestTables:
    def test_a_table_names_its_clips(self, tmp_path):
        table = "file;emotion;who\nclips/A.wav;happy;x\nclips\\b.wav;sad;y\n../c.wav;sad;y\nd.wav;sad;y\n"
        files = {"in/m.csv": table, "in/clips/a.wav": CLIP, "in/clips/b.wav": CLIP + b"2"}
        uploaded = receive(tmp_path, files)
        manifest = read(uploaded.manifest)
        assert manifest.table["label"].tolist() == ["joy", "sadness"]
        assert manifest.table["path"].tolist() == ["clips/0001.wav", "clips/0002.wav"]
        assert manifest.ids == ["clips/A.wav", "clips\\b.wav"]
        assert reasons(uploaded) == {
            "../c.wav": "../c.wav leaves the archive",
            "d.wav": "its file d.wav is not in the archive",
        }

    def test_an_absolute_path_in_a_table_is_not_followed(self, tmp_path):
        files = {"m.csv": "path,label\n/etc/hostname,joy\na.wav,joy\n", "a.wav": CLIP}
        uploaded = receive(tmp_path, files)
        assert reasons(uploaded)["/etc/hostname"] == "/etc/hostname leaves the archive"
        assert len(read(uploaded.manifest)) == 1

    def test_the_template_is_read(self, tmp_path):
        files = {"m.csv": TEMPLATE, "clips/anna_01.mp4": CLIP, "clips/ben_01.wav": CLIP}
        manifest = read(receive(tmp_path, files).manifest)
        assert manifest.table["label"].tolist() == ["surprise", "anger", "joy"]
        assert not manifest.problems

    def test_no_label_column(self, tmp_path):
        with pytest.raises(CorpusError, match=r"m.csv in c.zip has no column of labels.*template"):
            receive(tmp_path, {"m.csv": "path,speaker\na.wav,x\n"})

    def test_a_table_alone(self, tmp_path):
        clips = tmp_path / "clips"
        clips.mkdir()
        (clips / "a.wav").write_bytes(CLIP)
        private = tmp_path / "private"
        private.mkdir()
        uploaded = receive_table(b"path,label\na.wav,happy\nb.wav,sad\n", "mine.csv", private)
        manifest = read(uploaded.manifest, root=str(clips))
        assert manifest.table["path"].tolist() == ["a.wav"]
        assert manifest.problems[0].reason == "b.wav is missing"
        assert everything_below(private) == {"manifest.csv"}

    @pytest.mark.parametrize(
        ("data", "words"),
        [(b"path,speaker\na.wav,x\n", "no column of labels"), (b"label\njoy\n", "neither a column path")],
    )
    def test_a_table_without_what_it_needs(self, tmp_path, data, words):
        with pytest.raises(CorpusError, match=f"mine.csv has {words}"):
            receive_table(data, "mine.csv", tmp_path)


class TestHostile:
    GOOD: ClassVar = {"joy/good.wav": CLIP}

    @pytest.mark.parametrize(
        "name",
        ["../joy/evil.wav", "/joy/evil.wav", "joy/../../evil.wav", "C:\\joy\\evil.wav", "..\\joy\\e.wav"],
    )
    def test_no_member_leaves_its_folder(self, tmp_path, name):
        uploaded = receive(tmp_path, {name: CLIP, **self.GOOD})
        assert list(reasons(uploaded).values()) == ["its name leads out of the archive"]
        assert everything_below(tmp_path) == {"private/manifest.csv", "private/clips/0001.wav"}

    def test_a_member_without_a_name_is_left_out(self, tmp_path):
        packed_well = packed({**self.GOOD, "~": "nameless"}).getvalue()
        uploaded = receive(tmp_path, io.BytesIO(packed_well.replace(b"~", b"\0")))
        assert reasons(uploaded) == {}
        assert len(read(uploaded.manifest)) == 1

    def test_links_are_not_followed(self, tmp_path):
        target = packed(self.GOOD)
        with zipfile.ZipFile(target, "a") as archive:
            info = zipfile.ZipInfo("joy/link.wav")
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, "/etc/hostname")
        uploaded = receive(tmp_path, target)
        assert reasons(uploaded)["joy/link.wav"] == "it is a link, not a file"
        assert len(read(uploaded.manifest)) == 1

    def test_a_bomb_is_not_unpacked(self, tmp_path):
        uploaded = receive(tmp_path, {"joy/bomb.wav": bytes(8_000_000), **self.GOOD})
        assert "times its size, which no clip does" in reasons(uploaded)["joy/bomb.wav"]
        assert everything_below(tmp_path) == {"private/manifest.csv", "private/clips/0001.wav"}

    def test_too_much_in_all(self, tmp_path):
        with pytest.raises(CorpusError, match="unpacks to more than 1 MB: send it in parts"):
            receive(
                tmp_path,
                {f"joy/{i}.wav": bytes(400_000) for i in range(3)},
                limits=ArchiveLimits(total_bytes=2**20),
            )

    def test_sizes_that_lie_do_not_get_more_room(self, tmp_path):
        """The list of files says 10 bytes, the member holds a hundred thousand."""
        data = bytearray(packed({"joy/a.wav": bytes(100_000)}).getvalue())
        at = data.rfind(b"PK\x01\x02")
        data[at + 24 : at + 28] = (10).to_bytes(4, "little")
        with pytest.raises(CorpusError, match=r"no folder named for an emotion|damaged"):
            receive(tmp_path, io.BytesIO(bytes(data)))
        assert sum(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file()) < 1000

    def test_too_many_members(self, tmp_path):
        with pytest.raises(CorpusError, match="holds 12 files: pack at most 10 in one archive"):
            receive(
                tmp_path,
                {f"joy/{i}.wav": CLIP for i in range(12)},
                limits=ArchiveLimits(members=10),
            )

    def test_a_long_list_of_files_is_not_even_read(self, tmp_path):
        with pytest.raises(CorpusError, match="lists too many files"):
            receive(
                tmp_path,
                {f"joy/{i}.wav": CLIP for i in range(12)},
                limits=ArchiveLimits(directory_bytes=200),
            )

    def test_archives_in_the_archive_stay_closed(self, tmp_path):
        uploaded = receive(tmp_path, {"joy/more.zip": packed(self.GOOD).getvalue(), **self.GOOD})
        assert "not opened" in reasons(uploaded)["joy/more.zip"]
        assert len(read(uploaded.manifest)) == 1

    def test_a_damaged_member_costs_only_itself(self, tmp_path):
        data = bytearray(packed({"joy/bad.wav": CLIP * 9, **self.GOOD}, how=zipfile.ZIP_STORED).getvalue())
        data[60] ^= 0xFF
        uploaded = receive(tmp_path, io.BytesIO(bytes(data)))
        assert "damaged" in reasons(uploaded)["joy/bad.wav"]
        assert len(read(uploaded.manifest)) == 1

    def test_the_same_name_twice(self, tmp_path):
        target = packed({"joy/a.wav": CLIP})
        with zipfile.ZipFile(target, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("joy/a.wav", CLIP + b"2")
        uploaded = receive(tmp_path, target)
        assert reasons(uploaded)["joy/a.wav"] == "an earlier file has the same name"

    @pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut off"])
    def test_no_archive(self, tmp_path, content):
        with pytest.raises(
            CorpusError, match=r"c.zip is cut off or is no zip archive: pack it again as \.zip"
        ):
            receive(tmp_path, io.BytesIO(content))

    def test_an_empty_archive(self, tmp_path):
        with pytest.raises(CorpusError, match=r"c\.zip is empty: pack the clips"):
            receive(tmp_path, {})

    def test_nothing_that_can_be_read(self, tmp_path):
        with pytest.raises(CorpusError, match=r"c\.zip holds neither clips nor a table"):
            receive(tmp_path, {"notes.docx": b"x"})
