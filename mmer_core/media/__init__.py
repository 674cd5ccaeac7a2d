"""Hostile files in, clips out: decoding processes, faces, speech recognition."""
