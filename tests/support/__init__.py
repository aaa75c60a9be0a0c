"""Helpers that several folders of tests share: processes, ports, deadlines, network namespaces."""
