"""The parts of the public API beside `studies.study`: results, the best trial, tools without a search."""
