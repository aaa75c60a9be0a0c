"""What was decoded, shown: traces of calls, pages and reports."""
