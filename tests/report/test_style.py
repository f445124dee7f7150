import itertools

from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread

from dmd.report.style import DPI, GREY, LINES, publish, style


def lightness(colour: str) -> float:
    """Return L* of CIELAB: what is left of a colour in grey print, 0 to 100."""
    parts = (value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in to_rgb(colour))
    luminance = sum(part * weight for part, weight in zip(parts, (0.2126, 0.7152, 0.0722), strict=True))
    return 116 * luminance ** (1 / 3) - 16 if luminance > 0.008856 else 903.3 * luminance


def test_lines_differ_in_colour_dashes_and_marker():
    for part in zip(*LINES, strict=True):
        assert len(set(map(str, part))) == len(LINES)
    assert style(len(LINES)) == style(0)


def test_every_two_lines_and_the_papers_grey_differ_in_lightness():
    """By more than is just noticed, about 2.3; dashes and markers say the rest in grey print."""
    colours = [GREY, *(colour for colour, _, _ in LINES)]
    assert min(abs(lightness(a) - lightness(b)) for a, b in itertools.combinations(colours, 2)) > 3


def test_a_figure_carries_caption_and_runs_in_its_files_and_not_in_the_picture(tmp_path):
    for folder in ("one", "two"):
        figure = Figure(figsize=(4, 3), layout="constrained")
        figure.subplots().plot([1, 2], [1, 2])
        publish(figure, "What is {seen} in $_x.", ["la-8-dmd-01ab", "la-8-cps-22c4"], tmp_path / folder / "fig.png")
    said = "What is {seen} in $_x. Runs: la-8-dmd-01ab, la-8-cps-22c4."
    assert (tmp_path / "one/fig.caption.txt").read_text() == f"{said}\n"
    assert said.encode() in (tmp_path / "one/fig.png").read_bytes()
    assert (tmp_path / "one/fig.svg").read_text().count("What is") == 1
    assert figure.texts == []
    assert imread(tmp_path / "one/fig.png").shape[:2] == (3 * DPI, 4 * DPI)
    for ending in ("png", "svg"):
        assert (tmp_path / f"one/fig.{ending}").read_bytes() == (tmp_path / f"two/fig.{ending}").read_bytes()
