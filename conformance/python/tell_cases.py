"""A pytest plugin that writes one JSON object a case to the file that CASES names."""

import json
import os


def pytest_runtest_logreport(report):
    if report.when != "call" and report.outcome == "passed":
        return
    if report.when == "teardown" and report.outcome != "failed":
        return
    detail = ""
    if report.outcome != "passed":
        crash = getattr(report.longrepr, "reprcrash", None)
        text = report.longrepr[-1] if isinstance(report.longrepr, tuple) else crash.message if crash else report.longrepr
        detail = " ".join(str(text).split())[:500]
    outcome = report.outcome
    if hasattr(report, "wasxfail"):
        outcome, detail = "skipped", f"expected to fail: {report.wasxfail}"
    with open(os.environ["CASES"], "a", encoding="utf8") as file:
        file.write(json.dumps({"name": report.nodeid, "outcome": outcome, "detail": detail}) + "\n")
