#!/usr/bin/env bash
# Runs the tests of what needs Qt on PySide6: tests-on-pyside6.sh PYTEST [ARG ...]
#
# Python has ended by a segmentation fault within PySide6 twice in some thirty whole runs, while a
# widget was made or styled; the cause is not known. Such a run is said so and done once more. A
# test that fails is not run again.
set -uo pipefail
log=$(mktemp)
trap 'rm -f "$log"' EXIT
"$@" --max-worker-restart 0 tests/viewer --qt-only 2>&1 | tee "$log"
status=$?
failed=$(grep -c '^FAILED' "$log")
crashed=$(grep -c "node down: Not properly terminated" "$log")
if [ "$status" -ne 0 ] && [ "$crashed" -gt 0 ] && [ "$failed" -le "$crashed" ]; then
    echo "Python crashed within PySide6 ($crashed). All of it is run once more."
    exec "$@" --max-worker-restart 0 tests/viewer --qt-only
fi
exit "$status"
