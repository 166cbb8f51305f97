package main

import (
	"context"
	"fmt"

	. "compat/workload"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// franz reads, processes and writes with a GroupTransactSession; every third transaction is aborted, and done again.
func franz(ctx context.Context, bootstrap string) {
	source, target := "franz-txn-source", "franz-txn-target"
	plain, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	Must("client", err)
	_, err = kadm.NewClient(plain).CreateTopics(ctx, 2, 1, nil, source, target)
	Must("topics", err)
	for number := range records {
		plain.Produce(ctx, &kgo.Record{Topic: source, Value: []byte(fmt.Sprint(number))}, nil)
	}
	Must("flush", plain.Flush(ctx))
	plain.Close()

	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(bootstrap), kgo.TransactionalID("franz-loop"), kgo.ConsumerGroup("franz-txn-group"),
		kgo.ConsumeTopics(source), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.RequireStableFetchOffsets(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	Must("session", err)
	done := 0
	for round := 1; done < records; round++ {
		fetched := session.PollRecords(ctx, 10)
		Must("poll", fetched.Err())
		Must("begin", session.Begin())
		fetched.EachRecord(func(record *kgo.Record) {
			session.Produce(ctx, &kgo.Record{Topic: target, Value: append([]byte("processed "), record.Value...)}, nil)
		})
		committed, err := session.End(ctx, kgo.TransactionEndTry(round%3 != 0))
		Must("end", err)
		if committed {
			done += fetched.NumRecords()
		}
	}
	session.Close()

	reader, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ConsumeTopics(target),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	Must("reader", err)
	defer reader.Close()
	seen := map[string]int{}
	for len(seen) < records {
		fetched := reader.PollFetches(ctx)
		Must("read", fetched.Err())
		fetched.EachRecord(func(record *kgo.Record) { seen[string(record.Value)]++ })
	}
	checkOnce(seen)
	fmt.Printf("ok franz-go: %d records, each once\n", records)
}
