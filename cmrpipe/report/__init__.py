"""The report: what was read from a run's artefacts, the short answer, and the pages made of both."""
