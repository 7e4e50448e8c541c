"""Runs every test here, and writes how many passed and how many failed to the file it is given."""

import contextlib
import io
import pathlib
import sys
import unittest

here = pathlib.Path(__file__).parent
suite = unittest.defaultTestLoader.discover(str(here))
# The SDK prints every page of logs that it reads.
with contextlib.redirect_stdout(io.StringIO()):
    result = unittest.TextTestRunner(verbosity=2).run(suite)
failed = len(result.failures) + len(result.errors)
pathlib.Path(sys.argv[1]).write_text(f"{result.testsRun - failed} {failed}\n")
