"""Chromium, headless and quiet, for the tests that look at a page."""

import shutil

import pytest

CHROMIUM = shutil.which("chromium")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]
LAUNCH = {"executable_path": CHROMIUM, "args": QUIET}  # options of Playwright

REASON = "no chromium (Debian: apt-get install chromium)"
needed = pytest.mark.skipif(CHROMIUM is None, reason=REASON)
