// The scenario with franz-go. Usage: franz BOOTSTRAP before|after
package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	. "compat/workload"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	topic = "franz-scenario"
	group = "franz-group"
)

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

func main() {
	LimitProgram()
	ctx, cancel := context.WithTimeout(context.Background(), 3*Deadline)
	defer cancel()
	if os.Args[2] == "before" {
		before(ctx, os.Args[1])
	} else {
		after(ctx, os.Args[1])
	}
}

func client(bootstrap string, options ...kgo.Opt) *kgo.Client {
	made, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(bootstrap),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	}, options...)...)
	if err != nil {
		Fail("client: %v", err)
	}
	return made
}

func groupClient(bootstrap string, options ...kgo.Opt) *kgo.Client {
	return client(bootstrap, append([]kgo.Opt{
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(), kgo.SessionTimeout(6 * time.Second),
	}, options...)...)
}

func toWire(record Record) *kgo.Record {
	wire := &kgo.Record{
		Topic: topic, Partition: record.Partition, Key: record.Key, Value: record.Value,
		Timestamp: time.UnixMilli(record.Timestamp),
	}
	for _, header := range record.Headers {
		wire.Headers = append(wire.Headers, kgo.RecordHeader{Key: header.Key, Value: []byte(header.Value)})
	}
	return wire
}

func fromWire(wire *kgo.Record) Record {
	record := Record{Partition: wire.Partition, Timestamp: wire.Timestamp.UnixMilli(), Key: wire.Key, Value: wire.Value}
	for _, header := range wire.Headers {
		record.Headers = append(record.Headers, Header{Key: header.Key, Value: string(header.Value)})
	}
	return record
}

func produce(ctx context.Context, bootstrap string, batch Batch, options ...kgo.Opt) []int64 {
	producer := client(bootstrap, append(options, kgo.ProducerBatchCompression(codecs[batch.Codec]))...)
	defer producer.Close()
	var wire []*kgo.Record
	for _, record := range batch.Records {
		wire = append(wire, toWire(record))
	}
	results := producer.ProduceSync(ctx, wire...)
	Must("produce with "+batch.Codec, results.FirstErr())
	var offsets []int64
	for _, record := range wire {
		offsets = append(offsets, record.Offset)
	}
	return offsets
}

func read(ctx context.Context, consumer *kgo.Client, count int) Seen {
	ctx, cancel := context.WithTimeout(ctx, Deadline)
	defer cancel()
	seen := Seen{}
	for count > 0 {
		fetches := consumer.PollRecords(ctx, count)
		if err := fetches.Err(); err != nil {
			Fail("%v with %d records missing, got %v", err, count, seen)
		}
		fetches.EachRecord(func(record *kgo.Record) {
			seen.Add(record.Offset, fromWire(record))
			count--
		})
	}
	return seen
}

func before(ctx context.Context, bootstrap string) {
	admin := kadm.NewClient(client(bootstrap))
	defer admin.Close()
	retention := "-1"
	_, err := admin.CreateTopic(ctx, Partitions, 1, map[string]*string{"retention.ms": &retention}, topic)
	Must("create topic", err)
	_, err = admin.CreateTopic(ctx, Partitions, 1, nil, topic)
	Check("create an existing topic", errors.Is(err, kerr.TopicAlreadyExists), true)

	for index, batch := range Batches() {
		if index%2 == 0 { // the others are idempotent, as is the default
			produce(ctx, bootstrap, batch, kgo.DisableIdempotentWrite(), kgo.RequiredAcks(kgo.LeaderAck()))
		} else {
			produce(ctx, bootstrap, batch)
		}
	}

	consumer := groupClient(bootstrap)
	want, count := Want(false)
	CheckSeen("read by group", read(ctx, consumer, count), want)
	offsets := kadm.Offsets{}
	for partition := range int32(Partitions) {
		offsets.Add(kadm.Offset{Topic: topic, Partition: partition, At: Half(partition), LeaderEpoch: -1, Metadata: "half"})
	}
	commits := map[string]map[int32]kgo.EpochOffset{topic: {}}
	for partition := range int32(Partitions) {
		commits[topic][partition] = kgo.EpochOffset{Epoch: -1, Offset: Half(partition)}
	}
	var failed error
	consumer.CommitOffsetsSync(ctx, commits, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, answer *kmsg.OffsetCommitResponse, err error) {
		failed = err
		if err == nil {
			for _, partition := range answer.Topics[0].Partitions {
				failed = errors.Join(failed, kerr.ErrorForCode(partition.ErrorCode))
			}
		}
	})
	Must("commit", failed)
	described, err := admin.DescribeGroups(ctx, group)
	Must("describe group", err)
	Check("its state", described[group].State, "Stable")
	Check("its members", len(described[group].Members), 1)
	consumer.Close()
	Must("commit from outside", admin.CommitAllOffsets(ctx, group, offsets))
}

func after(ctx context.Context, bootstrap string) {
	connection := client(bootstrap)
	admin := kadm.NewClient(connection)
	defer admin.Close()
	kept, err := admin.FetchOffsets(ctx, group)
	Must("fetch offsets", err)
	for partition := range int32(Partitions) {
		offset, _ := kept.Lookup(topic, partition)
		Check("committed", []any{offset.At, offset.Metadata}, []any{Half(partition), "half"})
	}

	consumer := groupClient(bootstrap, kgo.Balancers(kgo.CooperativeStickyBalancer()))
	want, count := Want(true)
	CheckSeen("resume from the commit", read(ctx, consumer, count), want)
	end := int64(len(Expected()[0]))
	Check("offset after the restart", produce(ctx, bootstrap, Batch{Codec: "zstd", Records: []Record{Late()}}), []int64{end})
	CheckSeen("what came after the restart", read(ctx, consumer, 1), Seen{0: {end: Late().String()}})
	consumer.Close()

	seek(ctx, bootstrap, admin)
	administer(ctx, bootstrap, admin, end)
}

func seek(ctx context.Context, bootstrap string, admin *kadm.Client) {
	at := func(partition int32, offset kgo.Offset) Seen {
		reader := client(bootstrap, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: offset}}))
		defer reader.Close()
		return read(ctx, reader, 1)
	}
	expected := Expected()
	CheckSeen("seek to an offset", at(0, kgo.NewOffset().At(7)), Seen{0: {7: expected[0][7].String()}})
	between := expected[2][2].Timestamp - StepMs/2
	CheckSeen("seek to a timestamp", at(2, kgo.NewOffset().AfterMilli(between)), Seen{2: {2: expected[2][2].String()}})

	listed, err := admin.ListOffsetsAfterMilli(ctx, expected[1][4].Timestamp, topic)
	Must("list offsets by time", err)
	offset, _ := listed.Lookup(topic, 1)
	Check("offset of an exact time", []int64{offset.Offset, offset.Timestamp}, []int64{4, expected[1][4].Timestamp})
	// partition 0's records lie at 0, 3, 6 … seconds: the one after partition 1's fifth is its own sixth
	offset, _ = listed.Lookup(topic, 0)
	Check("offset of the next", offset.Offset, int64(5))
}

func administer(ctx context.Context, bootstrap string, admin *kadm.Client, late int64) {
	metadata, err := admin.Metadata(ctx)
	Must("metadata", err)
	Check("topics", metadata.Topics.Has(topic), true)
	Check("partitions", len(metadata.Topics[topic].Partitions), Partitions)
	Check("controller", metadata.Controller, metadata.Brokers[0].NodeID)
	ends, err := admin.ListEndOffsets(ctx, topic)
	Must("end offsets", err)
	offset, _ := ends.Lookup(topic, 0)
	Check("end", offset.Offset, late+1)

	limit := "2000"
	altered, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Name: "max.message.bytes", Value: &limit}}, topic)
	Must("alter configs", err)
	Must("alter configs of the topic", altered[0].Err)
	described, err := admin.DescribeTopicConfigs(ctx, topic)
	Must("describe configs", err)
	values := map[string]string{}
	for _, config := range described[0].Configs {
		values[config.Key] = config.MaybeValue()
	}
	Check("max.message.bytes", values["max.message.bytes"], "2000")
	Check("retention.ms", values["retention.ms"], "-1")
	large := client(bootstrap, kgo.ProducerBatchCompression(kgo.NoCompression()))
	err = large.ProduceSync(ctx, &kgo.Record{Topic: topic, Partition: 0, Value: make([]byte, 5000)}).FirstErr()
	Check("a record too large", errors.Is(err, kerr.MessageTooLarge), true)
	large.Close()

	grown, err := admin.UpdatePartitions(ctx, 5, topic)
	Must("create partitions", err)
	Must("create partitions of the topic", grown[topic].Err)
	shrunk, _ := admin.UpdatePartitions(ctx, 2, topic)
	Check("fewer partitions", errors.Is(shrunk[topic].Err, kerr.InvalidPartitions), true)
	directories, err := admin.DescribeAllLogDirs(ctx, nil)
	Must("log dirs", err)
	held := 0
	directories.Each(func(directory kadm.DescribedLogDir) {
		held += len(directory.Topics[topic])
	})
	Check("partitions in the log dir", held >= Partitions, true)
	lags, err := admin.Lag(ctx, group)
	Must("lag", err)
	Check("lag of partition 0", lags[group].Lag[topic][0].Lag, late+1-Half(0))

	groups, err := admin.ListGroups(ctx)
	Must("list groups", err)
	Check("group is listed", slices.Contains(groups.Groups(), group), true)
	deleted, err := admin.DeleteGroups(ctx, group)
	Must("delete group", err)
	Must("delete the group", deleted[group].Err)
	deleted, _ = admin.DeleteGroups(ctx, group)
	Check("delete a group that is gone", errors.Is(deleted[group].Err, kerr.GroupIDNotFound), true)

	gone, err := admin.DeleteTopics(ctx, topic)
	Must("delete topics", err)
	Must("delete the topic", gone[topic].Err)
	gone, _ = admin.DeleteTopics(ctx, topic)
	Check("delete an unknown topic", errors.Is(gone[topic].Err, kerr.UnknownTopicOrPartition), true)
}
