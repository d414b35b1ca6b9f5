"""Loss, hypotheses and figures of each task, and how it is trained."""
