"""The benchmark: minifile and its peers under the same loads, side by side."""
