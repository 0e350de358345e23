"""The quality gate over the staged tables."""
