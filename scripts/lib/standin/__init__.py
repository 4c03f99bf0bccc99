"""Parts of record_bag.py, the stand-in for the stock recorder."""
