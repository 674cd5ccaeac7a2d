"""Tables as people save them: separators, encodings, line ends, names of columns, rows that do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmer_core import corpora
from mmer_core.corpora import CorpusError
from mmer_core.corpora.tables import read_table

HEADER = ("id", "path", "text", "label", "speaker")
ROWS = (("a", "", "café, please", "happy", "s1"), ("b", "", "go away", "angry", "s2"))


def written(separator: str = ",", end: str = "\n") -> str:
    rows = (HEADER, *ROWS)
    quoted = [[f'"{c}"' if separator in c else c for c in row] for row in rows]
    return end.join(separator.join(row) for row in quoted) + end


def read(folder: Path, content: str | bytes, name: str = "m.csv") -> corpora.Manifest:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return corpora.read(file)


def told(manifest: corpora.Manifest) -> dict[str, str]:
    return dict(manifest.problems)


def texts(manifest: corpora.Manifest) -> list[str]:
    return manifest.table["text"].tolist()


@pytest.mark.parametrize(
    "first", ["", "sep={}\n", '"sep={}"\n', "\n\n"], ids=["", "sep", "quoted sep", "blank"]
)
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_what_stands_between_cells_does_not_matter(tmp_path, separator, first):
    manifest = read(tmp_path, first.format(separator) + written(separator))
    assert texts(manifest) == [row[2] for row in ROWS]
    assert manifest.problems == ()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_encodings_and_line_ends_do_not_matter(tmp_path, encoding, end):
    assert texts(read(tmp_path, written(end=end).encode(encoding))) == [row[2] for row in ROWS]


def test_big_endian_with_a_mark(tmp_path):
    assert len(read(tmp_path, b"\xfe\xff" + written().encode("utf-16-be"))) == 2


@pytest.mark.parametrize("name", ["m.csv", "m.TSV", "m.tab", "m.txt"])
def test_tables_have_several_endings(tmp_path, name):
    assert len(read(tmp_path, written("\t"), name)) == 2


@pytest.mark.parametrize(
    "header",
    [
        "ID,PATH,TEXT,LABEL,SPEAKER",
        " Id , Path , Text , Label , Speaker ",
        "Clip ID,filename,Transcript,Emotion,Speaker-ID",
        "utterance_id,wav,utterance,class,subject",
        "clip_id,video,sentence,category,actor",
        "id,file_path,words,label,group",
    ],
)
def test_columns_are_known_by_other_names(tmp_path, header):
    manifest = read(tmp_path, f"{header}\na,,hello,happy,s1\n")
    assert manifest.table[["id", "text", "label", "group"]].values.tolist() == [["a", "hello", "joy", "s1"]]


def test_a_synonym_is_another_column_where_the_proper_one_is_there(tmp_path):
    header = "id,path,text,label,speaker,Emotion,utterance"
    row = read(tmp_path, f"{header}\na,,hello,happy,s1,very,3.0\n").table.iloc[0]
    assert (row["label"], row["Emotion"], row["utterance"]) == ("joy", "very", 3)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("id,path,text,emotion,class,speaker", "could be the label, 'emotion', 'class'"),
        ("id,ID,path,text,label,speaker", "could be the id, 'id', 'ID'"),
        ("id,text,path,text,label,speaker", r"could be the text, 'text', 'text \(2\)'"),
        ("id,path,text,utterance,label,speaker", "two columns of words, 'text' and 'utterance'"),
        ("Utterance_ID,Dialogue_ID,path,text,label,speaker", "no column 'id'"),
    ],
)
def test_columns_that_mean_the_same_are_one_sentence(tmp_path, header, said):
    with pytest.raises(CorpusError, match=said) as caught:
        read(tmp_path, f"{header}\na,a,hello,hello,joy,s\n")
    assert "\n" not in str(caught.value)
    assert "m.csv" in str(caught.value)


def test_a_row_that_does_not_fit_is_listed_and_moves_no_other(tmp_path):
    lines = [
        "a,,Well, I am so happy,happy,s1",
        "b,,fine,angry,s2",
        "c,,short",
        "d,,blank cells,sad,s1,,",
        ",,,,",
    ]
    manifest = read(tmp_path, "\n".join([",".join(HEADER), *lines]))
    assert manifest.table[["id", "text", "group"]].values.tolist() == [
        ["b", "fine", "s2"],
        ["d", "blank cells", "s1"],
    ]
    assert "it has 6 cells and the header has 5" in told(manifest)["line 2"]
    assert "with a comma in it" in told(manifest)["line 2"]
    assert "it has 3 cells" in told(manifest)["line 4"]
    assert len(manifest.problems) == 2


def test_a_quotation_mark_that_is_not_closed_costs_its_line_alone(tmp_path):
    lines = [
        'a,,"open,joy,s',
        "b,,fine,joy,s",
        'c,,"two\nlines, and ""marks""",joy,s',
        'd,,5" tall,joy,s',
        'e,,"open again,joy,s',
        "f,,last,joy,s",
    ]
    manifest = read(tmp_path, "\n".join([",".join(HEADER), *lines]))
    assert dict(zip(manifest.ids, texts(manifest), strict=True)) == {
        "b": "fine",
        "c": 'two\nlines, and "marks"',
        "d": '5" tall',
        "f": "last",
    }
    assert {id: reason[:40] for id, reason in manifest.problems} == {
        "line 2": "a quotation mark is not closed: close or",
        "line 7": "a quotation mark is not closed: close or",
    }


def test_whole_numbers_may_be_written_with_a_point(tmp_path):
    header = ",".join((*HEADER, "dialogue", "utterance", "start"))
    manifest = read(
        tmp_path, f"{header}\na,,one,joy,1.0,0,0.0,1.5\nb,,two,joy,1,0.0,1.0,3.0\nc,,x,joy,2,0,1.5,\n"
    )
    assert manifest.table[["group", "dialogue", "utterance", "start"]].values.tolist() == [
        ["1", "0", 0, 1.5],
        ["1", "0", 1, 3.0],
    ]
    assert told(manifest) == {"c": "utterance is '1.5', not a number"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04 and more", "is a workbook .* save the sheet as CSV"),
        (b"\xd0\xcf\x11\xe0 and more", "is a workbook"),
        (b"", "not a table"),
        (b"\n , \n", "not a table"),
        (b"id,path,text,label,speaker\na;;hi;joy;s\n", "not a table whose rows fit its header: line 2"),
    ],
)
@pytest.mark.parametrize("name", ["m.csv", "m.xlsx"])
def test_what_is_no_table_is_one_sentence(tmp_path, content, said, name):
    with pytest.raises(CorpusError, match=said) as caught:
        read(tmp_path, content, name)
    assert str(caught.value).startswith(str(tmp_path / name))


def test_lines_of_the_file_are_counted(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text('sep=,\nid,text\n1,"two\nlines"\n\n2,x\n')
    assert read_table(file).rows.index.tolist() == [3, 6]


@pytest.mark.parametrize("content", [b"\x0b", b"\x0b\t\t\t", b"\x0c\n\x0b"])
def test_nothing_but_space_of_any_kind_is_an_empty_table(tmp_path, content):
    file = tmp_path / "a.csv"
    file.write_bytes(content)
    with pytest.raises(CorpusError, match=r"a\.csv is empty and not a table"):
        read_table(file)
