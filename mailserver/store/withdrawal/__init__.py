"""Taking messages back from every mailbox, bringing them back, and what people report as phishing.

* `rows` the acts of taking back and their states; `finding` which stored messages one means; `taking`, `restoring` the
  batches, each a short unit; `reports` what people report, by campaign.

A copy that was taken away has a row in `withdrawn` and none in `message`: every door reads `message`, so none of them
reaches it. Its content is held by the row until it is brought back or, at the end, let go.
"""
