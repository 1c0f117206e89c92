"""decide(movement, lawbook) -> Decision: the sentence the whole system exists to say."""
