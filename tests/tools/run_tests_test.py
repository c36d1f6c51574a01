#!/usr/bin/env python3
"""tools/setup/run-tests.sh on small builds made up here: whatever goes wrong in a suite must show in its last line."""
import os
import pathlib
import subprocess
import tempfile
import unittest

RUN_TESTS = pathlib.Path(__file__).resolve().parents[2] / "tools" / "setup" / "run-tests.sh"

PASSING = "<testsuites><testsuite><testcase classname='C' name='a' status='run' result='completed'/></testsuite></testsuites>"
FAILING = "<testsuite><testcase name='good'/><testcase classname='C' name='bad'><failure message='1 is not 2'/></testcase></testsuite>"
SKIPPED = "<testsuite><testcase classname='C' name='s'><skipped message='no network'/></testcase></testsuite>"


class RunTestsTest(unittest.TestCase):
    def run_suites(self, suites, *args, says=""):
        """`suites`: name to (result file's text or None, exit code). `says`: shell that each of them runs.

        Returns (exit code, last line, output)."""
        with tempfile.TemporaryDirectory() as build:
            lines = []
            for name, (result, code) in suites.items():
                source = pathlib.Path(build, name + ".in")
                source.write_text(result or "")
                script = f"cp {source} {build}/test-results/{name}.xml; " if result is not None else ""
                ending = f"kill -{-code} $$" if code < 0 else f"exit {code}"
                lines.append(f'add_test({name} "/bin/sh" "-c" "{script}{says}echo said by {name}; {ending}")')
                lines.append(f"set_tests_properties({name} PROPERTIES TIMEOUT 2 SKIP_RETURN_CODE 77)")
            pathlib.Path(build, "CTestTestfile.cmake").write_text("\n".join(lines).replace("$$", "\\$\\$"))
            # A result of an earlier run, which must not count.
            stale = pathlib.Path(build, "test-results")
            stale.mkdir()
            for name in suites:
                (stale / f"{name}.xml").write_text(PASSING)
            environment = {k: v for k, v in os.environ.items() if not k.startswith("CTEST_")}
            run = subprocess.run([RUN_TESTS, build, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                 check=False, env=environment)
            return run.returncode, run.stdout.splitlines()[-1], run.stdout

    def test_all_good(self):
        code, last, output = self.run_suites({"one": (PASSING, 0), "two": (PASSING, 0)})
        self.assertEqual((code, last), (0, "2 passed, 0 failed"), output)

    def test_a_failed_test_is_counted_and_shown(self):
        code, last, output = self.run_suites({"one": (PASSING, 0), "two": (FAILING, 1)})
        self.assertEqual((code, last), (1, "2 passed, 1 failed"), output)
        self.assertIn("FAILED two: C.bad\n    1 is not 2", output)

    def test_no_result_file_is_a_failure(self):
        code, last, output = self.run_suites({"one": (PASSING, 0), "two": (None, 0)})
        self.assertEqual((code, last), (1, "1 passed, 1 failed"), output)
        self.assertIn("FAILED two\n    the suite left no result", output)
        self.assertIn("said by two", output)

    def test_a_crash_is_a_failure(self):
        code, last, output = self.run_suites({"one": (PASSING, 0), "two": (None, -11)})
        self.assertEqual((code, last), (1, "1 passed, 1 failed"), output)
        self.assertIn("FAILED two\n    the suite left no result (", output)

    def test_a_crash_after_the_last_test_is_a_failure(self):
        code, last, output = self.run_suites({"one": (PASSING, -6)})
        self.assertEqual((code, last), (1, "1 passed, 1 failed"), output)
        self.assertIn("no test of it failed, but the suite did", output)

    def test_half_a_result_file_is_a_failure(self):
        code, last, output = self.run_suites({"one": (PASSING, 0), "two": (PASSING[:60], 0)})
        self.assertEqual((code, last), (1, "1 passed, 1 failed"), output)

    def test_a_suite_without_tests_is_a_failure(self):
        code, last, output = self.run_suites({"one": (PASSING, 0), "two": ("<testsuites tests='0'/>", 0)})
        self.assertEqual((code, last), (1, "1 passed, 1 failed"), output)
        self.assertIn("FAILED two\n    the suite ran no test", output)

    def test_a_failed_test_in_a_suite_that_exits_with_0_is_a_failure(self):
        code, last, output = self.run_suites({"one": (FAILING, 0)})
        self.assertEqual((code, last), (1, "1 passed, 1 failed"), output)

    def test_a_report_of_a_sanitizer_is_a_failure(self):
        for options in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            # What a sanitizer does: it appends program and process to the path it was given.
            says = f"path=${{{options}##*log_path=}}; echo a data race >${{path%%:*}}.server.7; "
            code, last, output = self.run_suites({"one": (PASSING, 0)}, says=says.replace("$", "\\$"))
            self.assertEqual((code, last), (1, "1 passed, 1 failed"), output)
            self.assertIn("FAILED sanitizer.server.7\n    a data race", output)

    def test_skipped_tests_are_listed_with_their_reason(self):
        code, last, output = self.run_suites({"one": (PASSING, 0), "two": (SKIPPED, 77)})
        self.assertEqual((code, last), (0, "1 passed, 0 failed, 1 skipped"), output)
        self.assertIn("skipped two: C.s: no network", output)

    def test_disabled_tests_are_listed(self):
        disabled = PASSING.replace("</testsuite>", "<testcase name='d' status='notrun' result='suppressed'/></testsuite>")
        code, last, output = self.run_suites({"one": (disabled, 0)})
        self.assertEqual((code, last), (0, "1 passed, 0 failed, 1 skipped"), output)
        self.assertIn("skipped one: .d: disabled", output)

    def test_only_skipped_tests_are_no_success(self):
        code, last, output = self.run_suites({"one": (SKIPPED, 0)})
        self.assertEqual((code, last), (1, "0 passed, 0 failed, 1 skipped"), output)

    def test_no_suite_at_all_is_no_success(self):
        code, last, output = self.run_suites({})
        self.assertEqual((code, last), (1, "0 passed, 0 failed"), output)

    def test_a_pattern_that_matches_nothing_is_no_success(self):
        code, last, output = self.run_suites({"one": (PASSING, 0)}, "-R", "nothing")
        self.assertEqual((code, last), (1, "0 passed, 0 failed"), output)

    def test_a_pattern_chooses_suites(self):
        code, last, output = self.run_suites({"one": (PASSING, 0), "two": (FAILING, 1)}, "-R", "one")
        self.assertEqual((code, last), (0, "1 passed, 0 failed"), output)

    def test_a_folder_that_is_no_build_is_a_failure(self):
        run = subprocess.run([RUN_TESTS, "/"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        self.assertEqual(run.returncode, 1)
        self.assertEqual(run.stdout.splitlines()[-1], "0 passed, 1 failed")


if __name__ == "__main__":
    unittest.main()
