"""Say what works on this machine and what is missing: ✓ works, – optional, ✗ broken. The exit status is 0 if
the shipped model answers.
"""

from __future__ import annotations

import argparse
import json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    from mmer_core.cli import diagnosis

    findings = []
    for finding in diagnosis.examine():
        findings.append(finding)
        if not args.json:
            print(finding, flush=True)
    works = diagnosis.answers(findings)
    if args.json:
        report = {"answers": works, "findings": [finding.to_json() for finding in findings]}
        print(json.dumps(report, indent=2, ensure_ascii=False))
    return 0 if works else 1
