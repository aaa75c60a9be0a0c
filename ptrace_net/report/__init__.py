"""What was decoded, shown: pages and reports."""
