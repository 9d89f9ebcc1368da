"""A catalogue of hostile submissions, and what becomes of them."""
