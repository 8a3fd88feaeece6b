"""Measurements that are run by hand: what they measure, how, and what came out stands in README.md."""
