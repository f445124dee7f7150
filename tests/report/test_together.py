"""Many small CSV files are read as each alone would be."""

import pandas as pd
import pytest

from dmd.report.together import read_together

HOW = {"dtype": {"name": str, "value": float}}


@pytest.mark.parametrize(
    "texts",
    [
        ["name,value\na,1\nb,0.1\n", "name,value\nc,2.5"],  # the last line does not end
        ["name,value\n", "name,value\na,1\n"],  # no line at all
        ["name,value\na,1\n\nb,2\n", "name,value\nc,3\n"],  # an empty line
        ['name,value\n"a\nb",1\n', "name,value\nc,3\n"],  # a text of two lines
        ["name,value\na,1\n", "value,name\n3,b\n"],  # other columns
        ["name,value\r\na,1\r\n", "name,value\r\nb,2\r\n"],
    ],
)
def test_together_is_one_by_one(tmp_path, texts):
    files = [tmp_path / f"{place}.csv" for place in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text, newline="")
    found = read_together(files, **HOW)
    for place, file in enumerate(files):
        alone = pd.read_csv(file, **HOW)
        pd.testing.assert_frame_equal(found[found.index == place].reset_index(drop=True), alone, check_like=True)


def test_what_cannot_be_read_is_an_error(tmp_path):
    (tmp_path / "a.csv").write_text("name,value\na,1\n")
    (tmp_path / "b.csv").write_text("name,value\nb,much\n")
    with pytest.raises(ValueError, match="much"):
        read_together([tmp_path / "a.csv", tmp_path / "b.csv"], **HOW)
    with pytest.raises(FileNotFoundError):
        read_together([tmp_path / "a.csv", tmp_path / "c.csv"], **HOW)
