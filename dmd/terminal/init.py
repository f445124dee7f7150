"""`dmd init`: a folder to work in, which holds what is one's own and takes the rest from the package."""

import shlex
import shutil
from pathlib import Path

from dmd.errors import InputError
from dmd.files import write_text
from dmd.planning import project
from dmd.terminal import site

HERE = Path(__file__).parent
OWN = {"Snakefile": "new_folder_Snakefile.txt", "config/config.yaml": "new_folder_config.yaml.txt"}
COPIED = ("default/config.yaml", "slurm/config.yaml")  # of profiles/: what a cluster wants differs
LINK = "slurm"  # to profiles/slurm, for `snakemake --profile slurm`
IGNORED = ("results", ".snakemake", site.SITE)
FIRST = "snakemake --cores 2 -- results/smoke/table3.csv"  # synthetic scans, minutes


def init(folder: Path = Path(), /, *, slurm: bool = False) -> None:
    """Make a folder to work in: configuration, Snakefile and profiles of your own over those of the package.

    Parameters
    ----------
    folder : Path
        Empty or not there yet; left out, the one that you are in.
    slurm : bool
        Ask SLURM for partitions and accounts and write them into a profile; also in a folder that is made already,
        and in a checkout.
    """
    partitions = site.ask(folder) if slurm else []
    if not (slurm and (folder / site.PROFILE).exists()):
        _make(folder)
        print(_welcome(folder))
    if slurm:
        site.fill_in(folder, partitions)


def _make(folder: Path) -> None:
    files = {name: (HERE / template).read_text(encoding="utf-8") for name, template in OWN.items()}
    files |= {f"profiles/{name}": (project.PROFILES / name).read_text(encoding="utf-8") for name in COPIED}
    files |= {".gitignore": "".join(f"/{name}\n" for name in IGNORED)}
    ours = {Path(name).parts[0] for name in files} | {LINK}
    _require_empty(folder, ours)
    try:
        for name, text in files.items():
            write_text(folder / name, text)
        (folder / LINK).symlink_to(f"profiles/{LINK}")
    except OSError:  # as on a full disk: the next call finds the folder as this one did
        for name in ours:
            shutil.rmtree(folder / name) if (folder / name).is_dir() else (folder / name).unlink(missing_ok=True)
        raise


def _require_empty(folder: Path, ours: set[str]) -> None:
    """Require a folder without anything that would be written, or that seems to be of other work."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"expected a folder at {folder}, or nothing, found a file")
    there = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    found = [name for name in there if name in ours or not (name.startswith(".") or name == "results")]
    if found:
        raise InputError(
            f"expected an empty folder at {folder.absolute()}, found {', '.join(found)}; nothing was written. Name a "
            "new folder, as in `dmd init work`. One that `dmd init` made is ready as it is"
        )


def _welcome(folder: Path) -> str:
    into = [] if folder.resolve() == Path().resolve() else [f"  cd {shlex.quote(str(folder))}"]
    return "\n".join(
        [
            f"{folder / 'config/config.yaml'} is yours: what to build, at which scale, from which data.",
            f"Every key of it: {project.CONFIG / 'README.md'}",
            "Next, on synthetic scans:",
            *into,
            f"  {FIRST}",
        ]
    )
