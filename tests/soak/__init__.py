"""Hours of everyday load on two hosts whose workers and hosts are killed meanwhile: run by hand."""
