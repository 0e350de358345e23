"""report.html: one file that tells a person what a run did, and needs no network to be read.

`render_report` is a pure function of `ReportInput`: the same input gives the same bytes. Everything
that came from the web or from the source (links, labels, words, cells) is hostile;
`contracts/display.py` defines how it is shown.
"""
