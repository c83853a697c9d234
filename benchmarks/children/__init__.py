"""Programs that workloads start as processes of their own; they are run by path, not imported."""
