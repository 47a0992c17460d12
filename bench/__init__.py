"""Benchmark of the bridge. It compares the bridge with the minimum cost of the same work, and counts every order."""
