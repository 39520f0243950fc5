"""One report of a run, written as text, Markdown, HTML, YAML or JSON."""
