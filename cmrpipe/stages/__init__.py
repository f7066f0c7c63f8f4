"""The stages: plain functions of input paths, output paths and their own params section."""

STAGES = ("ingest", "validate", "overlay", "store", "train", "evaluate", "report")
"""Names, in the order of the data's flow; each is `cmrpipe.stages.<name>.<name>` and `cmrpipe <name>`."""
