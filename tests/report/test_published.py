"""Sentences on what is published of a row."""

from dmd.planning.paper import Published
from dmd.report.published import elsewhere
from dmd.report.scores import read
from dmd.report.tables import notes
from dmd.report.tested import ReadOnce

from .made import add_run, row, shifted, table

PAPER = Published("Xie et al. 2023, Table 1", "", "yes", {"dice": 89.54, "hd95_voxel": 8.24})
README = Published("README", "last", "no", {"dice": 89.27})
SAID = (
    "Published of SASSNet with 16 labelled: 89.54 / 8.24 (Xie et al. 2023, Table 1; largest component kept); "
    "89.27 (README; weights: last; largest component not kept)."
)


def test_a_row_of_two_publications_has_a_sentence_where_the_table_asks_for_it(tmp_path):
    run = add_run(tmp_path, shifted(0))
    rows = row("SASSNet", 16, [run], {}, published=(PAPER, README)), row("DTC", 16, [run], {}, published=(PAPER,))
    assert elsewhere(rows, ["dice", "hd95_voxel"]) == [SAID]
    for asked in (True, False):
        scores = read(table(*rows, elsewhere=asked), ReadOnce(tmp_path))
        assert (SAID in notes(scores, scores.summary())) is asked
