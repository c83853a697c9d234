"""The workloads, one file each, with a `WORKLOAD` row and a `measure` function: add a file."""
