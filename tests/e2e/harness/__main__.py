"""/usr/bin/python3 -m harness SUITE RESULT_FILE [PATTERN...]: see suite.py."""
import sys

from harness.suite import main

sys.exit(main(sys.argv[1:]))
