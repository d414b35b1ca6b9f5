"""How fast this machine and this program are: each figure beside a limit or a peer of one run."""
