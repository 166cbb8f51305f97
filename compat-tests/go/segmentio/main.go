// The scenario with segmentio's kafka-go. Usage: segmentio BOOTSTRAP before|after
package main

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	. "compat/workload"

	"github.com/segmentio/kafka-go"
)

const (
	topic = "segmentio-scenario"
	group = "segmentio-group"
)

var codecs = map[string]kafka.Compression{
	"none":   0,
	"gzip":   kafka.Gzip,
	"snappy": kafka.Snappy,
	"lz4":    kafka.Lz4,
	"zstd":   kafka.Zstd,
}

func main() {
	LimitProgram()
	ctx, cancel := context.WithTimeout(context.Background(), 3*Deadline)
	defer cancel()
	address, err := net.ResolveTCPAddr("tcp", os.Args[1])
	Must("address", err)
	client := &kafka.Client{Addr: address}
	if os.Args[2] == "before" {
		before(ctx, client)
	} else {
		after(ctx, client)
	}
}

func toWire(record Record) kafka.Message {
	wire := kafka.Message{
		Key: record.Key, Value: record.Value, Time: time.UnixMilli(record.Timestamp), WriterData: int(record.Partition),
	}
	for _, header := range record.Headers {
		wire.Headers = append(wire.Headers, kafka.Header{Key: header.Key, Value: []byte(header.Value)})
	}
	return wire
}

func fromWire(wire kafka.Message) Record {
	record := Record{Partition: int32(wire.Partition), Timestamp: wire.Time.UnixMilli(), Key: wire.Key, Value: wire.Value}
	for _, header := range wire.Headers {
		record.Headers = append(record.Headers, Header{Key: header.Key, Value: string(header.Value)})
	}
	return record
}

func produce(ctx context.Context, client *kafka.Client, batch Batch) {
	writer := &kafka.Writer{
		Addr:         client.Addr,
		Topic:        topic,
		Balancer:     kafka.BalancerFunc(func(message kafka.Message, _ ...int) int { return message.WriterData.(int) }),
		Compression:  codecs[batch.Codec],
		RequiredAcks: kafka.RequireAll,
		BatchTimeout: 10 * time.Millisecond,
	}
	defer writer.Close()
	var wire []kafka.Message
	for _, record := range batch.Records {
		wire = append(wire, toWire(record))
	}
	Must("produce with "+batch.Codec, writer.WriteMessages(ctx, wire...))
}

// wanted is what a Reader must see: it tells an empty key or value as a null one.
func wanted(pastHalf bool) (Seen, int) {
	want, count := Want(pastHalf)
	for partition, records := range Expected() {
		for offset, record := range records {
			if record.Key != nil && len(record.Key) == 0 {
				record.Key, record.Value = nil, nil
				want[partition][int64(offset)] = record.String()
			}
		}
	}
	return want, count
}

func groupReader(client *kafka.Client) *kafka.Reader {
	return kafka.NewReader(kafka.ReaderConfig{
		Brokers:           []string{client.Addr.String()},
		Topic:             topic,
		GroupID:           group,
		StartOffset:       kafka.FirstOffset,
		HeartbeatInterval: time.Second,
		SessionTimeout:    6 * time.Second,
		MaxWait:           200 * time.Millisecond,
	})
}

func read(ctx context.Context, reader *kafka.Reader, count int) Seen {
	ctx, cancel := context.WithTimeout(ctx, Deadline)
	defer cancel()
	seen := Seen{}
	for ; count > 0; count-- {
		message, err := reader.FetchMessage(ctx)
		if err != nil {
			Fail("%v with %d records missing, got %v", err, count, seen)
		}
		seen.Add(message.Offset, fromWire(message))
	}
	return seen
}

func createTopic(ctx context.Context, client *kafka.Client) error {
	answer, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
		Topic: topic, NumPartitions: Partitions, ReplicationFactor: 1,
		ConfigEntries: []kafka.ConfigEntry{{ConfigName: "retention.ms", ConfigValue: "-1"}},
	}}})
	if err != nil {
		return err
	}
	return answer.Errors[topic]
}

func before(ctx context.Context, client *kafka.Client) {
	Must("create topic", createTopic(ctx, client))
	Check("create an existing topic", errors.Is(createTopic(ctx, client), kafka.TopicAlreadyExists), true)
	for _, batch := range Batches() {
		produce(ctx, client, batch)
	}
	reader := groupReader(client)
	want, count := wanted(false)
	CheckSeen("read by group", read(ctx, reader, count), want)
	var half []kafka.Message
	for partition := range Partitions { // what is committed is the offset after the message
		half = append(half, kafka.Message{Topic: topic, Partition: partition, Offset: Half(int32(partition)) - 1})
	}
	Must("commit", reader.CommitMessages(ctx, half...))
	described, err := client.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{group}})
	Must("describe group", err)
	Check("its state", described.Groups[0].GroupState, "Stable")
	Check("its members", len(described.Groups[0].Members), 1)
	Check("its assignment", len(described.Groups[0].Members[0].MemberAssignments.Topics[0].Partitions), Partitions)
	Must("close", reader.Close())
}

func after(ctx context.Context, client *kafka.Client) {
	reader := groupReader(client)
	want, count := wanted(true)
	CheckSeen("resume from the commit", read(ctx, reader, count), want)
	kept, err := client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: {0, 1, 2}}})
	Must("committed offsets", err)
	for _, partition := range kept.Topics[topic] {
		Check("committed", partition.CommittedOffset, Half(int32(partition.Partition)))
	}
	produce(ctx, client, Batch{Codec: "zstd", Records: []Record{Late()}})
	end := int64(len(Expected()[0]))
	CheckSeen("what came after the restart", read(ctx, reader, 1), Seen{0: {end: Late().String()}})
	Must("close", reader.Close())
	seek(ctx, client, end)
	administer(ctx, client)
}

func seek(ctx context.Context, client *kafka.Client, late int64) {
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{client.Addr.String()}, Topic: topic, Partition: 2, MaxWait: 200 * time.Millisecond,
	})
	defer reader.Close()
	expected := Expected()
	Must("set offset", reader.SetOffset(7))
	CheckSeen("seek to an offset", read(ctx, reader, 1), Seen{2: {7: expected[2][7].String()}})
	Must("set offset by time", reader.SetOffsetAt(ctx, time.UnixMilli(expected[2][2].Timestamp-StepMs/2)))
	CheckSeen("seek to a timestamp", read(ctx, reader, 1), Seen{2: {2: expected[2][2].String()}})
	listed, err := client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{
		topic: {kafka.FirstOffsetOf(0), kafka.LastOffsetOf(0)},
	}})
	Must("list offsets", err)
	offsets := listed.Topics[topic][0]
	Check("first and last", []int64{offsets.FirstOffset, offsets.LastOffset}, []int64{0, late + 1})
}

func administer(ctx context.Context, client *kafka.Client) {
	metadata, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic, "no-such-topic"}})
	Must("metadata", err)
	Check("partitions", len(metadata.Topics[0].Partitions), Partitions)
	Check("an unknown topic", errors.Is(metadata.Topics[1].Error, kafka.UnknownTopicOrPartition), true)
	Check("controller", metadata.Controller.ID, metadata.Brokers[0].ID)

	changed, err := client.IncrementalAlterConfigs(ctx, &kafka.IncrementalAlterConfigsRequest{
		Resources: []kafka.IncrementalAlterConfigsRequestResource{{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
			Configs: []kafka.IncrementalAlterConfigsRequestConfig{{
				Name: "max.message.bytes", Value: "2000", ConfigOperation: kafka.ConfigOperationSet,
			}},
		}},
	})
	Must("alter configs", err)
	Must("alter configs of the topic", changed.Resources[0].Error)
	described, err := client.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{
		Resources: []kafka.DescribeConfigRequestResource{{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, ConfigNames: []string{"max.message.bytes"},
		}},
	})
	Must("describe configs", err)
	Check("max.message.bytes", described.Resources[0].ConfigEntries[0].ConfigValue, "2000")
	answer, err := client.Produce(ctx, &kafka.ProduceRequest{
		Topic: topic, Partition: 0, RequiredAcks: kafka.RequireAll,
		Records: kafka.NewRecordReader(kafka.Record{Value: kafka.NewBytes(make([]byte, 5000))}),
	})
	Must("produce", err)
	Check("a record too large", errors.Is(answer.Error, kafka.MessageSizeTooLarge), true)

	grown, err := client.CreatePartitions(ctx, &kafka.CreatePartitionsRequest{
		Topics: []kafka.TopicPartitionsConfig{{Name: topic, Count: 5}},
	})
	Must("create partitions", err)
	Must("create partitions of the topic", grown.Errors[topic])
	groups, err := client.ListGroups(ctx, &kafka.ListGroupsRequest{})
	Must("list groups", err)
	listed := false
	for _, one := range groups.Groups {
		listed = listed || one.GroupID == group
	}
	Check("group is listed", listed, true)
	deleteGroup := func() error {
		answer, err := client.DeleteGroups(ctx, &kafka.DeleteGroupsRequest{GroupIDs: []string{group}})
		Must("delete groups", err)
		return answer.Errors[group]
	}
	Must("delete group", deleteGroup())
	Check("delete a group that is gone", errors.Is(deleteGroup(), kafka.GroupIdNotFound), true)
	deleteTopic := func() error {
		answer, err := client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{topic}})
		Must("delete topics", err)
		return answer.Errors[topic]
	}
	Must("delete topic", deleteTopic())
	Check("delete an unknown topic", errors.Is(deleteTopic(), kafka.UnknownTopicOrPartition), true)
}
