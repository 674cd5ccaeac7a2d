"""The parts of the app: a folder for each page, and the modules that several pages share."""
