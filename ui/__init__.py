"""What the screens share: the page frame, the model and its cache, charts, cards, and the sentences between them."""
