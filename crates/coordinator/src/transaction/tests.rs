//! Tables of requests against a shard: what each decides and answers.
