"""`python -m benchmarks`: run the workloads and write the report."""

from benchmarks.run import main

if __name__ == "__main__":
    raise SystemExit(main())
