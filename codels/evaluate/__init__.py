"""`codels evaluate`: what a model gets right on code that it has not seen, asked in the real way of a keystroke.

A set (`sets.py`) makes tasks from data, runs each task to a row of JSON, and rows to numbers. Who answers
(`sources.py`) is a model, a baseline, the reference or nobody. Nothing here knows how a model works.
"""
