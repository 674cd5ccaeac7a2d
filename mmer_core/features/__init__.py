"""What models are given: batches with absent modalities, feature tables, and the store on disk."""
