"""What would be used of a folder follows from its scans."""

import pytest

from dmd.planning import config
from dmd.planning.proposal import Seen, Wish, choose, faults, parts_of, split_of
from dmd.planning.splits import checksum


def seen(case: str, *, size=(100, 80, 20), spacing=(1.0, 1.0, 3.0), annotated=True) -> Seen:
    files = {"image": (f"imagesTr/{case}", "0")} | ({"label": (f"labelsTr/{case}", "1")} if annotated else {})
    return Seen(case, size, spacing, "LPS", {0: 9, 1: 1} if annotated else {}, files)


MANY = [seen(f"a{number:02d}") for number in range(30)]


def test_the_seed_alone_decides_who_is_set_aside_and_in_which_order_the_others_are_labelled():
    one, same, other = (parts_of(scans, [], seed) for scans, seed in ((MANY, 1), (MANY[::-1], 1), (MANY, 2)))
    assert one == same != other
    assert (len(one["train"]), len(one["test"]), one["validation"]) == (24, 6, [])
    assert "unlabelled" not in one
    mine = parts_of(MANY, [seen("t")], 1)
    assert (len(mine["train"]), mine["test"]) == (30, ["t"])


def test_who_is_not_annotated_is_learnt_from_and_counted_by_no_budget(content):
    train = [*MANY[:10], *(seen(f"u{number}", annotated=False) for number in range(5))]
    choice = choose(config.check(content), train, [], Wish())
    assert choice.parts["unlabelled"] == ["u0", "u1", "u2", "u3", "u4"]
    assert choice.labelled == len(choice.parts["train"]) == 8
    # Where everybody is annotated a tenth is labelled, and enough to fill a batch.
    assert choose(config.check(content), MANY[:10], [], Wish()).labelled == 2
    assert choose(config.check(content), [seen(f"{number}") for number in range(50)], [], Wish()).labelled == 4


def test_the_spacing_is_the_median_and_the_patch_as_large_as_the_scales_in_the_shape_of_the_scans(content):
    scans = [seen("a", size=(300, 200, 100)), seen("b", spacing=(0.5, 0.5, 2)), seen("c", spacing=(2, 2, 4))]
    choice = choose(config.check(content), scans, [seen("t")], Wish(scale="half"))
    assert choice.spacing_mm == [1, 1, 3]
    # Half of 100 x 80 in the plane and two thirds of 20 is the smallest: 50 x 40 x 13, of which 16 is too large.
    assert choice.patch == [32, 32, 16]
    said = "\n".join(faults(choice, scans, {"background": 0, "liver": 1}))
    assert "imagesTr/b: expected at least the 32x32x16 voxels of a patch" in said
    assert "50x40x13" in said
    given = choose(config.check(content), scans, [], Wish(spacing=(1.0, 1.0, 1.0), patch=(16, 16, 32)))
    assert (given.spacing_mm, given.patch, given.stride) == ([1, 1, 1], [16, 16, 32], [8, 8, 16])
    assert not any("patch" in fault for fault in faults(given, scans, {"background": 0}))


def test_what_is_set_aside_for_tests_has_no_part_in_the_spacing(content):
    """One of three is, and the others' median is its own: that of two."""
    scans = [seen(case, spacing=(edge, edge, edge)) for case, edge in (("a", 1.0), ("b", 2.0), ("c", 4.0))]
    choice = choose(config.check(content), [*scans, seen("u", spacing=(8.0, 8.0, 8.0), annotated=False)], [], Wish())
    (aside,) = choice.parts["test"]
    learnt = {"a": 4.0, "b": 4.0, "c": 2.0}[aside]  # the median of the other two and of 8
    assert choice.spacing_mm == [learnt] * 3
    # Where all are set aside, which is refused, there still is something to say.
    assert choose(config.check(content), scans[:1], [], Wish()).spacing_mm == [1, 1, 1]


def test_slices_fill_a_batch_together(content):
    scans = [seen(f"a{number}", size=(64, 64, 5)) for number in range(10)]
    choice = choose(config.check(content), scans, [], Wish(dimensions=2))
    assert (choice.least, choice.labelled) == (3, 3)  # 12 slices of 5 each
    assert (choice.spacing_mm, choice.stride, choice.selection) == (None, None, "last")


@pytest.mark.parametrize(("count", "wrong"), [(3, True), (4, False)])
def test_a_batch_needs_two_annotated_scans_and_one_to_learn_from_without_its_label(content, count, wrong):
    choice = choose(config.check(content), MANY[:count], [], Wish())
    said = list(faults(choice, MANY[:count], {"background": 0, "liver": 1}))
    assert bool(said) == wrong
    assert all("expected at least 2 annotated scans to learn from" in fault for fault in said)


def test_the_checksum_of_a_split_covers_the_content_of_every_file():
    split = split_of("mine", "", parts_of(MANY, [], 1), MANY)
    assert split["sha256"] == checksum(split["parts"], split["scans"]) != checksum(split["parts"])
    MANY[0].files["label"] = ("labelsTr/a00", "2")
    assert split_of("mine", "", parts_of(MANY, [], 1), MANY)["sha256"] != split["sha256"]
