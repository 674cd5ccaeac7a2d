"""How faithful explanations of the shipped model are, measured on held-out clips."""
