"""One module per outside system; `adapters` are pure. No rules of the business."""
