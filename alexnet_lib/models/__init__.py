"""AlexNet's relatives, and the ledger that counts any of them."""
