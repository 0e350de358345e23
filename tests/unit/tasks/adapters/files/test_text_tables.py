"""CSV and its like as people have them: delimiters, headers, quotes, rows of odd lengths."""

import csv
import io

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.adapters.files.delimiters import parse_delimiter
from image_tags.tasks.adapters.files.tables import read_table
from image_tags.tasks.contracts.errors import UsageError

A, B = "http://a.example/1.jpg", "http://a.example/w_303,h_170/2.jpg"


def read(text, name="t.csv", **options):
    data = text if isinstance(text, bytes) else text.encode()
    found = read_table(name, data, **options)
    return found.table.to_pylist(), " ".join(found.remarks)


@pytest.mark.parametrize(
    ("name", "text", "rows"),
    [
        ("t.txt", f"{A}\n{B}\n", [{"url": A}, {"url": B}]),
        ("t.csv", f"{A}\n{A}2\n", [{"url": A}, {"url": f"{A}2"}]),
        ("t.csv", f'"{A}"\r\n"{A}2"', [{"url": A}, {"url": f"{A}2"}]),
        ("t.txt", "//a.example/1.jpg\nx\n", [{"url": "//a.example/1.jpg"}, {"url": "x"}]),
        ("t.tsv", f"a cat\t{A}\na dog\t{B}\n", [("a cat", A), ("a dog", B)]),
        ("t.csv", f"1,{A},x\n2,,y\n", [(1, A, "x"), (2, None, "y")]),
        ("t.csv", f"1,\"['{A}']\"\n", [(1, f"['{A}']")]),
        ("t.csv", f"1,see {A}\n2,and {A}\n", [(1, f"see {A}"), (2, f"and {A}")]),
        ("t.csv", f"{A},cat\n{A},dog\n", [(A, "cat"), (A, "dog")]),
        ("t.csv", f"{A},5\n", [(A, 5)]),
    ],
)
def test_a_first_line_that_holds_a_link_is_data(name, text, rows):
    found, remarks = read(text, name)
    if isinstance(rows[0], tuple):
        rows = [{f"column_{at}": cell for at, cell in enumerate(row, 1)} for row in rows]
    assert found == rows
    assert "The first line holds a link, so it is data" in remarks
    assert repr(next(iter(rows[0]))) in remarks


def test_whether_there_is_a_header_can_be_given():
    assert read(f"{A}\n{B}\n", header=True)[0] == [{A: B}]
    assert read("id,u\n1,x\n", header=False)[0] == [
        {"column_1": "id", "column_2": "u"},
        {"column_1": "1", "column_2": "x"},
    ]


def test_a_question_with_a_link_in_it_is_a_header():
    rows, remarks = read(f'"Rate this: {A}",n\n5,1\n4,2\n')
    assert rows == [{f"Rate this: {A}": 5, "n": 1}, {f"Rate this: {A}": 4, "n": 2}]
    assert remarks == ""


@pytest.mark.parametrize("name", ["t.csv", "t.txt", "t.tsv", "t.csv.gz", "t"])
@pytest.mark.parametrize(("sign", "word"), [("\t", "tab"), ("|", "bar"), (";", "semicolon")])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_delimiter_is_found_by_looking(name, sign, word, encoding):
    text = sign.join(["id", "text", "url"]) + "\n"
    text += "".join(sign.join([str(n), "a, b; c", B]) + "\n" for n in range(3))
    rows, remarks = read(text.encode(encoding), name)
    assert rows == [{"id": n, "text": "a, b; c", "url": B} for n in range(3)] or sign == ";"
    if sign == ";":
        rows, remarks = read(text.replace("b; c", "b c").encode(encoding), name)
        assert rows == [{"id": n, "text": "a, b c", "url": B} for n in range(3)]
    assert word in remarks or (sign == "\t" and "tsv" in name)
    assert ("UTF-16" in remarks) == (encoding == "utf-16")


@pytest.mark.parametrize("given_as", ["|", "bar", "pipe", "BAR"])
def test_the_delimiter_can_be_given(given_as):
    assert read("a|b,c\n1|2,3\n", delimiter=given_as)[0] == [{"a": 1, "b,c": "2,3"}]
    assert read("a|b,c\n1|2,3\n", delimiter=",")[0] == [{"a|b": "1|2", "c": 3}]


def test_delimiters_have_names_and_are_one_character():
    names = {"tab": "\t", "\\t": "\t", "comma": ",", "space": " ", "~": "~", "\t": "\t"}
    assert {given: parse_delimiter(given) for given in names} == names
    for given_as in ("", "ab", '"', "\n"):
        with pytest.raises(UsageError, match="--delimiter takes one character or its name"):
            parse_delimiter(given_as)


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"', "sep=;;", "\ufeffsep=;"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_line_that_names_the_delimiter_is_used_and_skipped(first, end):
    text = end.join([first, "id;text;url", f"1;a,b;{A}", f"2;;{A}"])
    rows, remarks = read(text)
    assert rows == [{"id": 1, "text": "a,b", "url": A}, {"id": 2, "text": None, "url": A}]
    assert "semicolon that the first line names" in remarks
    assert read(text, delimiter=";")[0] == rows


def test_quotes_escaped_by_backslashes_are_read_as_meant():
    text = (
        "id,text,url,likes\n"
        f'1,"she said \\"vote, now\\"",{A},10\n'
        f'2,"a back\\\\slash, a \\new line\\\\",{A},20\n'
        f'3,\\N,{A},30\n4,"{{\\"a\\": \\"b\\"}}",{A},40\n'
    )
    rows, remarks = read(text)
    assert [row["text"] for row in rows] == [
        'she said "vote, now"',
        "a back\\slash, a \\new line\\",
        None,
        '{"a": "b"}',
    ]
    assert [row["likes"] for row in rows] == [10, 20, 30, 40]
    assert "escaped by backslashes" in remarks


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ('a,b\n"C:\\me\\","x"\n', ["C:\\me\\", "x"]),  # not an escape: the cell ends there
        ('a,b\n"say ""hi""",\\"x\\"\n', ['say "hi"', '\\"x\\"']),
        ("a,b\nx\\, y,z\n", ["x, y", "z"]),
        ('a,b\n"Big" Lebowski,z\n', ['"Big" Lebowski', "z"]),  # quotes are part of the text
        ('a,b\n"\\"x\\"",http://a.example/w_3,h_4/x\n', ['"x"', "http://a.example/w_3,h_4/x"]),
        ('a,b\n5" disk,6"\n', ['5" disk', '6"']),
    ],
)
def test_no_quote_or_backslash_is_lost(text, cells):
    (row,), _ = read(text)
    assert list(row.values()) == cells


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('a,b\n1,2\n"x"y,"z"\n', "in row 2 text follows a closing quote"),
        ('a,b\n1,"x\\"y,z\n', "in row 1 text follows a closing quote, nor with backslashes"),
        ('a,b\n"x\\"\na"', "can be read in two ways from row 1 on"),
        ('a,b\n1,2\n"x,3\n', "in row 2 a quote is opened and never closed"),
        ("a,b\n1,2,3\n4,5\n", "row 1 has 3 cells under 2 column names"),
    ],
)
def test_rows_that_cannot_be_read_are_refused_by_number(text, sentence):
    with pytest.raises(UsageError, match=sentence):
        read(text)


TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), max_size=9)


@given(
    st.lists(st.tuples(st.integers(0, 9), TEXTS, st.sampled_from([A, B])), min_size=1, max_size=6),
    st.booleans(),
    st.sampled_from(",\t;|"),
)
def test_text_is_read_as_written_or_refused(rows, by_backslash, sign):
    """Written by RFC 4180, or as Spark writes: never changed in silence."""
    out = io.StringIO(newline="")
    style = {"doublequote": False, "escapechar": "\\"} if by_backslash else {}
    writer = csv.writer(out, delimiter=sign, quoting=csv.QUOTE_ALL, **style)
    writer.writerows([("id", "text", "url"), *rows])
    try:
        found, _ = read(out.getvalue(), delimiter=sign)
    except UsageError:
        return  # test_rows_that_cannot_be_read_are_refused_by_number
    texts = ["" if row["text"] is None else str(row["text"]) for row in found]
    expected = [text for _, text, _ in rows]
    if not by_backslash:
        assert texts == expected
    else:  # a text with backslashes alone cannot be told from a plain one; it is read as it stands
        assert [text.replace("\\", "") for text in texts] == [
            text.replace("\\", "") for text in expected
        ] or expected == ["\\N"]


def test_stray_nuls_are_dropped_and_counted():
    rows, remarks = read(f"id,u\n1,{A}\n2,{A[:-4]}\0.jpg\n3,\0{A}\0\n")
    assert [row["u"] for row in rows] == [A, A, A]
    assert "3 NUL characters were dropped (row 2, 3; row 0 is the first line)." in remarks
    rows, remarks = read(f'{{"u": "{A}"}}\n{{"u": "\0{A}"}}\n', "t.jsonl")
    assert rows == [{"u": A}, {"u": A}]
    assert "the first in line 2" in remarks
    with pytest.raises(UsageError, match="not a table"):
        read("id,u\n".encode("utf-16-le"))


@pytest.mark.parametrize("name", ["t.txt", "t.csv"])
@pytest.mark.parametrize("header", ["", "url\n"])
def test_links_with_commas_are_one_column(name, header):
    links = [f"http://a.example/{n}?fill=w_303,h_170" for n in range(3)]
    links += [
        A,
        f"{A}?fill=w_303,h_170",
        B,
        "http://a.example/c_fill,w_5/v1/x",
        "http://a.example/x;jsessionid=5",
    ]
    rows, remarks = read(header + "\n".join(links), name)
    assert [row["url"] for row in rows] == links
    assert "Each line is one cell" in remarks


@pytest.mark.parametrize(
    ("above", "sign"),
    [
        ("My export 2020\n\n", ","),
        ("# made by x, y and z\n# see http://a.example/help\n", ","),
        ('"A title, with a comma";;\r\n;;\r\n', ";"),
        ("sep=;\nMy export\n", ";"),
        ("One\nTwo\n\t\n", "\t"),
    ],
)
@pytest.mark.parametrize("given_as", [None, "given"])
def test_titles_and_comments_above_the_header_are_left_out(above, sign, given_as):
    table = f"id,text,url\n1,,{A}\n2,y,{A}\n".replace(",", sign)
    rows, remarks = read(above + table, delimiter=given_as and sign)
    assert rows == [{"id": 1, "text": None, "url": A}, {"id": 2, "text": "y", "url": A}]
    assert "What is above the header was left out: '" in remarks


@pytest.mark.parametrize(
    "text",
    [
        f"text\nHello, you\nLook, {A}\n",  # prose with a comma in each line
        f"url\n{A},cat\n{B},dog\n",
        f"#id,url\n1,{A}\n",
        "title\nid,url\n1,none\n",  # no column of links: not surely a table
    ],
)
def test_a_first_line_is_no_title_unless_a_table_of_links_follows(text):
    rows, remarks = read(text)
    assert "above the header" not in remarks
    assert len(rows) == text.count("\n") - 1
    if "title" not in text:
        rows, remarks = read(f"a title\nid,url\n1,{A}\n", header=True)
        assert "above the header" not in remarks


def test_a_cell_may_be_longer_than_pythons_reader_allows():
    limit = csv.field_size_limit(131_072)
    try:
        picture = "data:image/png;base64," + "A" * 150_000
        (row,), _ = read(f'id,url\n1,"{picture}"\n')
    finally:
        csv.field_size_limit(limit)
    assert row["url"] == picture


def test_blanks_between_a_delimiter_and_a_quote():
    rows, remarks = read(f'id, text, url\n1, "a, b", {A}\n2, "c", {A}\n')
    assert rows == [{"id": 1, "text": "a, b", "url": A}, {"id": 2, "text": "c", "url": A}]
    assert "Blanks after a delimiter are no part of the cells." in remarks


def test_empty_cells_beyond_the_last_column_are_dropped():
    rows, remarks = read(f"id,url\n1,{A},,\n2,{A}\n3,{A},\n")
    assert rows == [{"id": n, "url": A} for n in (1, 2, 3)]
    assert "In 2 rows empty cells beyond the last column were dropped." in remarks


def test_an_unknown_delimiter_is_spoken_of():
    for sign in "^~":
        assert "no delimiter fits" in read(f"id{sign}url\n1{sign}{A}\n2{sign}{A}\n")[1]
    assert read(f"url\n{A}\n{A}\n")[1] == ""


def test_the_mark_at_the_end_of_old_files_is_no_row():
    assert read(f"id,url\n1,{A}\n\x1a")[0] == [{"id": 1, "url": A}]


def test_commas_inside_links_of_wider_tables_are_no_delimiters():
    rows, remarks = read(f"id,url,n\n1,{B},5\n2,{A},6\n3,{A},7\n")
    assert rows[0] == {"id": 1, "url": B, "n": 5}
    assert "In 1 row a comma inside a link is not taken for a delimiter." in remarks


@pytest.mark.parametrize(
    "text",
    [
        f'"likes","url"\n"1",7,"{A}"\n"2",8,"{A}"\n',
        f'"likes","url"\n"1",7,"{A}"\n',
        f'"likes" "url"\n"1" 7 "{A}"\n"2" 8 "{A}"\n',
        f"likes\turl\n1\t7\t{A}\n2\t8\t{A}\n",
        f'"url"\n"1","{A}"\n"2","{A}"\n',
    ],
)
def test_a_header_one_name_short_as_r_writes_it(text):
    rows, remarks = read(text)
    assert next(iter(rows[0])) == ""
    assert rows[0]["url"] == A
    assert [row[""] for row in rows] == list(range(1, len(rows) + 1))
    assert all(row.get("likes", n) == n for n, row in enumerate(rows, 7))
    assert "first column is taken for row names" in remarks


def test_a_delimiter_at_the_end_of_every_row_adds_no_column():
    rows, remarks = read(f"id,url\n1,{A},\n2,{A},\n")
    assert rows == [{"id": 1, "url": A}, {"id": 2, "url": A}]
    assert "Every row ends with a delimiter" in remarks


def test_ids_of_19_digits_are_numbers_as_pandas_reads_them():
    ids = ["1542657904481796104", "5", str(2**63 - 1), str(-(2**63))]
    text = "id\n" + "\n".join(ids) + "\n"
    table = read_table("t.csv", text.encode()).table
    assert table.schema.field("id").type == pa.int64()
    assert table.column("id").to_pylist() == pd.read_csv(io.StringIO(text))["id"].tolist()
    beyond = read_table("t.csv", f"{text}{2**63}\n".encode()).table
    assert beyond.column("id").to_pylist() == [*ids, str(2**63)]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_whole_numbers_up_to_64_bits_stay_numbers(values):
    table = read_table("t.csv", "\n".join(["n", *map(str, values)]).encode()).table
    assert table.column("n").to_pylist() == values


SIGNS = st.text("a1,;|\t\"'\\\n\r \0http://x=", max_size=60)


@given(SIGNS | st.text(max_size=60), st.sampled_from(["t.csv", "t.tsv", "t.txt", "t.json", "t"]))
def test_any_text_is_a_table_or_a_sentence(text, name):
    try:
        data = text.encode("utf-8", "surrogatepass")
        found = read_table(name, data)
    except UsageError:
        return
    assert found.table.num_columns > 0 or found.table.num_rows == 0
