"""What lets a developer prove a run to an assessor who does not trust them: commit, challenge, open."""
