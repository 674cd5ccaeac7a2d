"""Tables of other people's utterances."""

import numpy as np
import pytest

from mmer_core.labels import EMOTIONS
from recipes.words.more_corpora import GROUPS, SOURCES, own_classes, read_labelled, read_more

HEADER = "text\tlabel7\toriginal_label\tlanguage\n"


def test_unknown_labels_and_repetitions_are_left_out_and_quotes_are_kept(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text(
        HEADER + 'He said " no\tanger\tx\ten\nTrust me\ttrust\tx\ten\nNA\tjoy\tx\ten\nNA\tjoy\tx\ten\n',
        encoding="utf-8",
    )
    read = read_labelled(path, "mine")
    assert read.texts == ('He said " no', "NA")
    assert [EMOTIONS[i] for i in read.labels] == ["anger", "joy"]
    assert read.ids == read.groups == ("mine/0", "mine/2")
    assert own_classes(read.labels).tolist() == [e in ("anger", "joy") for e in EMOTIONS]


def test_every_corpus_is_read_and_belongs_to_one_group(tmp_path):
    for i, source in enumerate(SOURCES.values()):
        path = tmp_path / source.path
        path.parent.mkdir(parents=True)
        path.write_text(HEADER + f"Hello {i}\tneutral\tx\ten\n", encoding="utf-8")
    assert {name: part.texts for name, part in read_more(tmp_path).items()} == {
        name: (f"Hello {i}",) for i, name in enumerate(SOURCES)
    }
    assert sorted(name for group in GROUPS.values() for name in group) == sorted(SOURCES)


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"en\.tsv is missing: --data names"):
        read_more(tmp_path)
    path = tmp_path / "a.tsv"
    path.write_text("text\tlabel\nHello\tneutral\n", encoding="utf-8")
    with pytest.raises(ValueError, match="has no column label7"):
        read_labelled(path, "mine")


def test_no_class_is_own_where_there_is_no_label():
    assert not own_classes(np.array([], dtype=np.int64)).any()
