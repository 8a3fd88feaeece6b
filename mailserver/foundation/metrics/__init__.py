"""Figures for Prometheus: a board that the processes of one supervisor share, what stands there, how it is written."""
