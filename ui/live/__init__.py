"""The running camera and microphone."""
