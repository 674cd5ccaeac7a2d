"""How the weights of the model that comes with the project were made: training scripts, one per modality."""
