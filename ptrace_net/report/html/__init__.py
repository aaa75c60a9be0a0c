"""HTML pages that need nothing else: one file each, no scripts from elsewhere."""
