"""The models behind the answers: data, figures, limits."""
