"""Character n-gram language models: text -> counts -> modified Kneser-Ney -> file -> scores of the next character."""
