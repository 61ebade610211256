"""The edge that all pages share: filters, headers, error pages, who is asking."""
