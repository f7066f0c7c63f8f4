"""The stages: plain functions of input paths, output paths and their own params section."""

UP_TO_STORE = ("ingest", "validate", "overlay", "store")
"""Those that know no model."""
STAGES = (*UP_TO_STORE, "train", "evaluate", "report")
"""Names, in the order of the data's flow; each is `cmrpipe.stages.<name>.<name>` and `cmrpipe <name>`."""
