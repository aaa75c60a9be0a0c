"""A log or recording shown: text, JSON lines, statistics, a time line, synthesized packets."""
