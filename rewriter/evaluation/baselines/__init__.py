"""Systems that a trained rewriter has to beat, and the oracle, which shows the head-room."""
