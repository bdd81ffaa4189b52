"""Files of sentence pairs as people have them, written by the tests: which part they are, and what is wrong in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.datasets.pair_layouts import Unreadable, find_layout
from training.datasets.parts import part_of
from training.datasets.sentence_pairs import MAX_CHARACTERS, MAX_WORDS, Pair, read

STS_B = "main-captions\tMSRvid\t2012test\t0001\t{score}\t{left}\t{right}\n"
GENERIC = "left,right,similarity\n"


def sts_b(score: str = "5.000", left: str = "A man sings.", right: str = "A man is singing.") -> str:
    return STS_B.format(score=score, left=left, right=right)


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        stem, suffix = name.rsplit("_", 1)
        (folder / f"{stem}.{suffix}").write_text(text, encoding="utf-8")
    return folder


def test_sts_b_has_no_header_and_quotation_marks_as_they_are(tmp_path: Path) -> None:
    train = sts_b() + sts_b("2.5", '"Stop', 'He said: "No".') + sts_b("0").rstrip("\n") + "\tlicence\tmore\n"
    found = read(written(tmp_path, **{"sts-train_csv": train, "sts-dev_csv": sts_b("1.0"), "LICENSE_txt": "Free."}), 0)

    assert found.train[:2] == [
        Pair("A man sings.", "A man is singing.", 1.0, "main-captions"),
        Pair('"Stop', 'He said: "No".', 0.5, "main-captions"),
    ]
    assert [each.similarity for each in found.train] == [1.0, 0.5, 0.0]
    assert [each.similarity for each in found.held_out] == [0.2]
    assert found.problems == []


@pytest.mark.parametrize(
    ("suffix", "text", "pair"),
    [
        (
            "tsv",
            "pair_ID\tsentence_A\tsentence_B\trelatedness_score\tentailment_judgment\n1\tA dog\tA cat\t3.0\tNEUTRAL\n",
            Pair("A dog", "A cat", 0.5),
        ),
        (
            "csv",
            '"id","qid1","qid2","question1","question2","is_duplicate"\n"0","1","2","What, now?","What\nnow?","1"\n',
            Pair("What, now?", "What now?", 1.0),
        ),
        (
            "tsv",
            'id\tquestion1\tquestion2\tis_duplicate\n0\t"Who is ""X""?"\tWho?\t0\n',
            Pair('Who is "X"?', "Who?", 0.0),
        ),
        (
            "tsv",
            "index\tgenre\tsentence1\tsentence2\tscore\n0\tnews\tA \"dog\tA cat\t4.0\n",
            Pair('A "dog', "A cat", 0.8, "news"),
        ),
        ("csv", "Similarity,Left,Right\n.25,one,two\n", Pair("one", "two", 0.25)),
        ("tsv", "left\tright\tsimilarity\tkind\none\ttwo\t1\teasy\n", Pair("one", "two", 1.0, "easy")),
        ("csv", "\ufeffleft,right,similarity\r\none,two,1\r\n", Pair("one", "two", 1.0)),
    ],
    ids=["SICK", "Quora CSV", "Quora TSV", "STS-B with header", "generic CSV", "generic TSV", "from Windows"],
)  # fmt: skip
def test_each_layout_is_known_by_its_header(suffix: str, text: str, pair: Pair, tmp_path: Path) -> None:
    found = read(written(tmp_path, **{f"train_{suffix}": text, f"dev_{suffix}": text}), 0)

    assert (found.train, found.held_out, found.problems) == ([pair], [pair], [])


def test_each_row_that_cannot_be_used_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    rows = [
        sts_b(), sts_b("5.1"), sts_b("nan"), sts_b("much"), "one\ttwo\n", "\n", sts_b(left="  "),
        sts_b(left="word " * (MAX_WORDS + 1)), sts_b(right="x" * (MAX_CHARACTERS + 1)), sts_b(),
    ]  # fmt: skip
    path = tmp_path / "sts-train.csv"
    path.write_bytes("".join(rows).encode() + sts_b(left="Caf\xe9").encode("latin-1") + b"x" * 200_000 + b"\n")
    written(tmp_path, **{"sts-dev_csv": sts_b()})

    found = read(tmp_path, 0)

    assert len(found.train) == 2
    assert [problem[: problem.index(": ")] for problem in found.problems] == [
        f"sts-train.csv:{line}" for line in (2, 3, 4, 5, 7, 8, 9, 11, 12)
    ]
    whys = ["from 0 to 5, got '5.1'", "got 'nan'", "got 'much'", "at least 7 fields, got 2", "without words"]
    whys += ["of 201 words", "and 1,001 characters", "not UTF-8", "larger than field limit"]
    for problem, why in zip(found.problems, whys, strict=True):
        assert why in problem


def test_a_quotation_mark_without_end_is_told_with_the_lines_it_swallowed(tmp_path: Path) -> None:
    text = GENERIC + 'one,two,1\n"three,four,1\nfive,six,1\nseven,eight,1\n'
    found = read(written(tmp_path, train_csv=text, dev_csv=GENERIC + "one,two,0\n"), 0)

    assert found.train == [Pair("one", "two", 1.0)]
    assert found.problems == ["train.csv:3: expected at least 3 fields, got 1 (lines 3 to 5 read as one row)"]


def test_the_test_part_is_used_only_where_nothing_else_is_held_out(tmp_path: Path) -> None:
    written(tmp_path, train_csv=GENERIC + "a,b,1\n", test_csv=GENERIC + "c,d,0\n")
    assert read(tmp_path, 0).held_out == [Pair("c", "d", 0.0)]

    written(tmp_path, val_csv=GENERIC + "e,f,.5\n", test_csv="this is never opened")
    found = read(tmp_path, 0)
    assert found.held_out == [Pair("e", "f", 0.5)]
    assert found.problems == []


def test_a_column_tells_the_part_of_each_row(tmp_path: Path) -> None:
    header = "pair_ID\tsentence_A\tsentence_B\trelatedness_score\tSemEval_set\n"
    rows = "1\ta\tb\t5\tTRAIN\n2\tc\td\t1\tTRIAL\n3\te\tf\t1\tTEST\n4\tg\th\t1\tTEST\n"
    found = read(written(tmp_path, SICK_txt=header + rows), 0)

    assert (found.train, found.held_out) == ([Pair("a", "b", 1.0)], [Pair("c", "d", 0.0)])
    assert found.problems == ["SICK.txt: 2 rows of its test part are left alone"]


def test_of_a_train_file_alone_a_tenth_is_held_out_and_no_pair_stands_on_both_sides(tmp_path: Path) -> None:
    rows = [f"left {number},right {number},1\nright {number},left {number},1\n" for number in range(50)]
    written(tmp_path, pairs_csv=GENERIC + "".join(rows))

    found, again, other = read(tmp_path, 0), read(tmp_path, 0), read(tmp_path, 1)

    assert (len(found.train), len(found.held_out)) == (90, 10)
    trained = {frozenset((each.left, each.right)) for each in found.train}
    assert not trained & {frozenset((each.left, each.right)) for each in found.held_out}
    assert again == found
    assert other.held_out != found.held_out


@pytest.mark.parametrize(
    "files",
    [{}, {"train_csv": "a,b,c\n1,2,3\n"}, {"train_csv": ""}, {"dev_csv": GENERIC + "a,b,1\n"}, {"train_csv": GENERIC}],
)
def test_a_folder_without_pairs_is_refused(files: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no sentence pairs to train on in .*left, right, similarity"):
        read(written(tmp_path, **files), 0)


def test_an_unknown_header_is_named_only_where_the_name_promises_pairs(tmp_path: Path) -> None:
    written(tmp_path, train_csv=GENERIC + "a,b,1\n", dev_csv="a,b,c\n", test_csv=GENERIC + "c,d,0\n", notes_txt="Hi")
    found = read(tmp_path, 0)

    assert [problem.split(":")[0] for problem in found.problems] == ["dev.csv"]
    assert found.held_out == [Pair("c", "d", 0.0)]
    with pytest.raises(Unreadable):
        find_layout(tmp_path / "notes.txt")


def test_names_tell_the_part() -> None:
    names = ("sts-train", "sts_dev", "SICK_trial", "SICK_test_annotated", "validation", "questions", "devices", "test")
    assert [part_of(name) for name in names] == [
        *("train", "held_out", "held_out", "test", "held_out", None, None, "test")
    ]


def test_a_row_of_more_fields_than_the_header_is_told(tmp_path: Path) -> None:
    text = "left\tright\tsimilarity\none\ttwo\t1\none\ttwo\t1\tthree\none\ttwo\t1\t\n"
    found = read(written(tmp_path, train_tsv=text, dev_tsv=text.splitlines()[0] + "\none\ttwo\t0\n"), 0)

    assert len(found.train) == 2
    assert found.problems == ["train.tsv:3: expected 3 fields, as in the header, got 4"]
