"""Features of corpora: batches with absent modalities, tables, the store on disk, and extraction into it."""
