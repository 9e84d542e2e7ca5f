"""Models that count: n-grams and prediction by partial matching, over the tokens that networks read and write."""
