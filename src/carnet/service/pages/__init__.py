"""Pages that people read: self-contained HTML and PDF, made from what the law rooms say."""
