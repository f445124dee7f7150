"""What pyproject.toml cannot say: the folders beside the package, and the commit, go into it when it is built."""

import shutil
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
BESIDE = ("config", "workflow", "profiles", "docs/deviations.md")  # read through dmd/planning/project.py
LEFT_OUT = shutil.ignore_patterns("__pycache__", "config.v9+.yaml")  # the latter is of one cluster


class Build(build_py):
    """Copies what lies beside the package to dmd/project, with the commit; an editable installation needs neither."""

    def run(self) -> None:
        """Begin with an empty folder: a method that was deleted since the last build is in no wheel."""
        if self.editable_mode:
            return super().run()
        package = Path(self.build_lib, "dmd")
        shutil.rmtree(package, ignore_errors=True)
        super().run()
        for name in BESIDE:
            target = package / "project" / name
            if (HERE / name).is_dir():
                shutil.copytree(HERE / name, target, ignore=LEFT_OUT)
            else:
                target.parent.mkdir(parents=True)
                shutil.copy(HERE / name, target)
        commit = self._commit()
        if commit:
            (package / "project/commit").write_text(f"{commit}\n", encoding="utf-8")

    def _commit(self) -> str | None:
        sys.path.insert(0, str(HERE))
        from dmd.training.checkout import commit

        return commit()


setup(cmdclass={"build_py": Build})
