"""Parts that encoders share, and what stays hand-made beside a library, each with its reason."""
