"""/proc/net and /sys/class/net of a run: proc_net(5), rendered from the same model as netlink's answers.

``catalog.find`` gives the contents of a path; the formats are those of the kernel's seq_files.
"""
