package main

import (
	"context"
	"time"

	. "compat/workload"

	"github.com/twmb/franz-go/pkg/kgo"
)

func franz(bootstrap []string, more ...kgo.Opt) *kgo.Client {
	options := []kgo.Opt{
		kgo.SeedBrokers(bootstrap...),
		kgo.RetryBackoffFn(func(int) time.Duration { return backoff }),
		kgo.RecordDeliveryTimeout(patience),
		kgo.RetryTimeout(patience),
		kgo.MetadataMinAge(backoff),
	}
	client, err := kgo.NewClient(append(options, more...)...)
	Must("client", err)
	return client
}

// franzProduces is idempotent and waits for all in sync, as franz-go does by itself.
func franzProduces(bootstrap []string, topic string) {
	client := franz(bootstrap, kgo.DefaultProduceTopic(topic))
	produce(func(key, value []byte) {
		client.Produce(context.Background(), &kgo.Record{Key: key, Value: value}, func(record *kgo.Record, err error) {
			if err != nil {
				failed(err)
				return
			}
			acked(record.Partition, record.Offset, record.Key, record.Value)
		})
	})
}

func franzConsumes(bootstrap []string, topic, group string) {
	client := franz(bootstrap, kgo.ConsumeTopics(topic), kgo.ConsumerGroup(group), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.SessionTimeout(6*time.Second), kgo.HeartbeatInterval(500*time.Millisecond))
	for {
		fetches := client.PollFetches(context.Background())
		fetches.EachRecord(func(record *kgo.Record) { read(record.Partition, record.Offset, record.Value) })
		// Between two coordinators the next commit covers it, or another member reads anew.
		if err := client.CommitUncommittedOffsets(context.Background()); err != nil {
			uncommitted(err)
		}
	}
}
