"""Commands about people's mail: filters, junk, mailings, who may write to whom, traces, messages taken back."""
