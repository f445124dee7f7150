import hashlib
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from dmd.errors import InputError
from dmd.planning.splits import checksum, drawn, load_split

SETS = ("la", "acdc", "synthetic3d", "synthetic2d")


def write(path, parts, **changes):
    content = {"name": "toy", "source": "made up", "sha256": checksum(parts), "parts": parts, **changes}
    path.write_text(json.dumps(content))
    return path


def parts(train=("a", "b"), validation=(), test=("c",)):
    return {"train": list(train), "validation": list(validation), "test": list(test)}


def test_checksum_is_the_sha256_of_the_canonical_json():
    text = '{"test":["é"],"train":["a","b"],"validation":[]}'
    assert checksum(parts(test=["é"])) == hashlib.sha256(text.encode()).hexdigest()


def test_order_of_the_patients_counts():
    assert checksum(parts(["a", "b"])) != checksum(parts(["b", "a"]))


def test_a_split_keeps_its_order(tmp_path):
    split = load_split(write(tmp_path / "toy.json", parts(["b", "a", "d"])))
    assert split.parts == {"train": ("b", "a", "d"), "validation": (), "test": ("c",)}


def test_a_draw_is_a_choice_of_its_own_that_larger_budgets_keep():
    patients = load_split(Path("config/splits/la.json")).parts["train"]
    orders = [drawn(patients, draw) for draw in range(50)]
    assert orders[0] == patients
    assert all(sorted(order) == sorted(patients) for order in orders)
    assert len({order[:8] for order in orders}) == 50
    # The order in which patients are listed decides nothing.
    assert drawn(patients[::-1], 3) == orders[3]
    # Each of 80 patients is among 8 in a tenth of the draws: 50 x 8 / 80 = 5, and none in more than 15 (p < 1e-4).
    chosen = Counter(patient for order in orders for patient in order[:8])
    assert max(chosen.values()) <= 15


def test_an_edited_list_is_refused_with_both_checksums(tmp_path):
    edited, planned = parts(["a"]), checksum(parts())
    with pytest.raises(InputError) as caught:
        load_split(write(tmp_path / "toy.json", edited, sha256=planned))
    assert planned in str(caught.value)
    assert checksum(edited) in str(caught.value)


@pytest.mark.parametrize(
    ("faulty", "said"),
    [
        (parts(["a", "b", "a"]), "more than once in 'train': a"),
        (parts(["a", "c"]), "found in 'train' and 'test': c"),
        (parts(validation=["b"]), "found in 'train' and 'validation': b"),
        (parts([]), "at least one patient in 'train'"),
    ],
)
def test_a_faulty_split_is_refused(tmp_path, faulty, said):
    with pytest.raises(InputError, match=said):
        load_split(write(tmp_path / "toy.json", faulty))


def test_all_faults_are_reported_together(tmp_path):
    with pytest.raises(InputError) as caught:
        load_split(write(tmp_path / "toy.json", parts(["a", "a", "c"]), sha256="0"))
    assert str(caught.value).count("expected") == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not valid JSON"),
        ("[]", "expected texts under name"),
        ('{"name": "toy", "source": "", "sha256": 5}', "expected texts under name"),
        ('{"name": "toy", "source": "", "sha256": "0", "parts": {"train": []}}', "expected the parts train"),
        (
            '{"name": "", "source": "", "sha256": "", "parts": {"train": [1], "validation": [], "test": []}}',
            "each a list of names",
        ),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path, text, said):
    path = tmp_path / "toy.json"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        load_split(path)


@pytest.mark.parametrize("patient", ["..", "../a", "a/b", "/a", "a\\b", "", "a\0", "a\n"])
def test_a_patient_whose_name_leads_elsewhere_is_refused(tmp_path, patient):
    with pytest.raises(InputError, match="each a list of names"):
        load_split(write(tmp_path / "toy.json", parts(["a", patient])))


def test_a_missing_file_and_a_folder_in_its_place_are_named(tmp_path):
    with pytest.raises(InputError, match=r"toy\.json, found no file"):
        load_split(tmp_path / "toy.json")
    with pytest.raises(InputError, match="found a folder"):
        load_split(tmp_path)


@pytest.mark.parametrize("name", SETS)
def test_the_splits_of_the_project_load_and_have_the_published_sizes(root, name):
    split = load_split(root / "config" / "splits" / f"{name}.json")
    sizes = {"la": (80, 0, 20), "synthetic3d": (80, 0, 20), "acdc": (70, 10, 20), "synthetic2d": (70, 10, 20)}
    assert split.name == name
    assert tuple(len(split.parts[part]) for part in ("train", "validation", "test")) == sizes[name]


def test_la_has_the_md5_of_the_published_lists(root):
    content = json.loads((root / "config" / "splits" / "la.json").read_text())
    for part in ("train", "test"):
        lines = "".join(f"{patient}\n" for patient in content["parts"][part])
        assert hashlib.md5(lines.encode()).hexdigest() == content["md5"][f"{part}.list"]


def test_acdc_has_the_md5_of_the_published_lists(root):
    content = json.loads((root / "config" / "splits" / "acdc.json").read_text())
    for part, name in (("train", "train.list"), ("validation", "val.list"), ("test", "test.list")):
        frames = [f"{patient}_frame{frame}\n" for patient in content["parts"][part] for frame in ("01", "02")]
        assert hashlib.md5("".join(frames).encode()).hexdigest() == content["md5"][name]


def test_loading_a_split_imports_neither_numpy_nor_torch():
    code = "import sys, dmd.planning.splits; sys.exit(any(name in sys.modules for name in ('numpy', 'torch', 'h5py')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
