"""Who speaks when: the networks' weights brought over, and the pipeline measured on made conversations."""
