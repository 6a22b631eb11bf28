"""Search algorithms. Each one proposes genomes (ask) and learns from ended trials (tell)."""
