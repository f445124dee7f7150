"""What stands behind `--config`."""

import pytest

from dmd.errors import InputError
from dmd.terminal.settings import assignment


def test_a_key_that_stands_twice_is_refused():
    with pytest.raises(InputError, match=r"expected YAML after 'methods='.*each key once"):
        assignment("methods={dmd: {}, dmd: {}}", "--config")
