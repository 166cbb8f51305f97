// The scenario with sarama. Usage: sarama BOOTSTRAP before|after
package main

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	. "compat/workload"

	"github.com/IBM/sarama"
)

const (
	topic = "sarama-scenario"
	group = "sarama-group"
)

var codecs = map[string]sarama.CompressionCodec{
	"none":   sarama.CompressionNone,
	"gzip":   sarama.CompressionGZIP,
	"snappy": sarama.CompressionSnappy,
	"lz4":    sarama.CompressionLZ4,
	"zstd":   sarama.CompressionZSTD,
}

func main() {
	LimitProgram()
	bootstrap := []string{os.Args[1]}
	admin, err := sarama.NewClusterAdmin(bootstrap, config())
	Must("admin", err)
	defer admin.Close()
	if os.Args[2] == "before" {
		before(bootstrap, admin)
	} else {
		after(bootstrap, admin)
	}
}

func config() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.V4_1_0_0
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Enable = false
	config.Consumer.Group.Session.Timeout = 6 * time.Second
	config.Consumer.Group.Heartbeat.Interval = time.Second
	config.Consumer.Return.Errors = true
	return config
}

func toWire(record Record) *sarama.ProducerMessage {
	wire := &sarama.ProducerMessage{Topic: topic, Partition: record.Partition, Timestamp: time.UnixMilli(record.Timestamp)}
	if record.Key != nil {
		wire.Key = sarama.ByteEncoder(record.Key)
	}
	if record.Value != nil {
		wire.Value = sarama.ByteEncoder(record.Value)
	}
	for _, header := range record.Headers {
		wire.Headers = append(wire.Headers, sarama.RecordHeader{Key: []byte(header.Key), Value: []byte(header.Value)})
	}
	return wire
}

func fromWire(wire *sarama.ConsumerMessage) Record {
	record := Record{Partition: wire.Partition, Timestamp: wire.Timestamp.UnixMilli(), Key: wire.Key, Value: wire.Value}
	for _, header := range wire.Headers {
		record.Headers = append(record.Headers, Header{Key: string(header.Key), Value: string(header.Value)})
	}
	return record
}

func produce(bootstrap []string, batch Batch, idempotent bool) []int64 {
	settings := config()
	settings.Producer.Compression = codecs[batch.Codec]
	if idempotent {
		settings.Producer.Idempotent = true
		settings.Producer.RequiredAcks = sarama.WaitForAll
		settings.Net.MaxOpenRequests = 1
	}
	producer, err := sarama.NewSyncProducer(bootstrap, settings)
	Must("producer", err)
	defer producer.Close()
	var wire []*sarama.ProducerMessage
	for _, record := range batch.Records {
		wire = append(wire, toWire(record))
	}
	Must("produce with "+batch.Codec, producer.SendMessages(wire))
	var offsets []int64
	for _, record := range wire {
		offsets = append(offsets, record.Offset)
	}
	return offsets
}

// member reads as one member of the group until it has seen as much as is wanted, then runs done with its session.
type member struct {
	mutex sync.Mutex
	seen  Seen
	left  int
	done  func(sarama.ConsumerGroupSession)
	over  chan struct{}
}

func (m *member) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (m *member) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message := <-claim.Messages():
			if message == nil {
				return nil
			}
			m.mutex.Lock()
			m.seen.Add(message.Offset, fromWire(message))
			m.left--
			if m.left == 0 {
				m.done(session)
				close(m.over)
			}
			m.mutex.Unlock()
		case <-session.Context().Done():
			return nil
		}
	}
}

func readByGroup(bootstrap []string, count int, done func(sarama.ConsumerGroupSession)) Seen {
	consumers, err := sarama.NewConsumerGroup(bootstrap, group, config())
	Must("consumer group", err)
	ctx, cancel := context.WithTimeout(context.Background(), Deadline)
	defer cancel()
	reading := &member{seen: Seen{}, left: count, done: done, over: make(chan struct{})}
	go func() {
		for failure := range consumers.Errors() {
			Fail("group: %v", failure)
		}
	}()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			if err := consumers.Consume(ctx, []string{topic}, reading); err != nil && !errors.Is(err, sarama.ErrClosedConsumerGroup) {
				Fail("consume: %v", err)
			}
		}
	}()
	select {
	case <-reading.over:
	case <-ctx.Done():
		Fail("%d records missing, got %v", reading.left, reading.seen)
	}
	cancel()
	select {
	case <-ended:
	case <-time.After(Deadline):
		Fail("the member does not leave its group")
	}
	consumers.Close()
	return reading.seen
}

func before(bootstrap []string, admin sarama.ClusterAdmin) {
	retention := "-1"
	detail := &sarama.TopicDetail{
		NumPartitions: Partitions, ReplicationFactor: 1, ConfigEntries: map[string]*string{"retention.ms": &retention},
	}
	Must("create topic", admin.CreateTopic(topic, detail, false))
	Check("create an existing topic", errors.Is(admin.CreateTopic(topic, detail, false), sarama.ErrTopicAlreadyExists), true)
	for index, batch := range Batches() {
		produce(bootstrap, batch, index%2 == 1)
	}
	want, count := Want(false)
	CheckSeen("read by group", readByGroup(bootstrap, count, func(session sarama.ConsumerGroupSession) {
		for partition := range int32(Partitions) {
			session.MarkOffset(topic, partition, Half(partition), "half")
		}
		session.Commit()
		described, err := admin.DescribeConsumerGroups([]string{group})
		Must("describe group", err)
		Check("its state", described[0].State, "Stable")
		Check("its members", len(described[0].Members), 1)
		for _, one := range described[0].Members {
			assignment, err := one.GetMemberAssignment()
			Must("assignment", err)
			Check("its partitions", len(assignment.Topics[topic]), Partitions)
		}
	}), want)
}

func after(bootstrap []string, admin sarama.ClusterAdmin) {
	kept, err := admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: {0, 1, 2}})
	Must("committed offsets", err)
	for partition := range int32(Partitions) {
		block := kept.GetBlock(topic, partition)
		Check("committed", []any{block.Offset, block.Metadata, block.Err}, []any{Half(partition), "half", sarama.ErrNoError})
	}
	end := int64(len(Expected()[0]))
	Check("offset after the restart", produce(bootstrap, Batch{Codec: "zstd", Records: []Record{Late()}}, true), []int64{end})
	want, count := Want(true)
	want.Add(end, Late())
	CheckSeen("resume from the commit", readByGroup(bootstrap, count+1, func(sarama.ConsumerGroupSession) {}), want)
	seek(bootstrap, end)
	administer(bootstrap, admin, end)
}

func seek(bootstrap []string, late int64) {
	client, err := sarama.NewClient(bootstrap, config())
	Must("client", err)
	defer client.Close()
	consumer, err := sarama.NewConsumerFromClient(client)
	Must("consumer", err)
	at := func(partition int32, offset int64) Seen {
		reader, err := consumer.ConsumePartition(topic, partition, offset)
		Must("partition reader", err)
		defer reader.Close()
		select {
		case message := <-reader.Messages():
			seen := Seen{}
			seen.Add(message.Offset, fromWire(message))
			return seen
		case failure := <-reader.Errors():
			Fail("partition %d: %v", partition, failure)
		case <-time.After(Deadline):
			Fail("nothing at offset %d of partition %d", offset, partition)
		}
		return nil
	}
	expected := Expected()
	CheckSeen("seek to an offset", at(0, 7), Seen{0: {7: expected[0][7].String()}})
	offset, err := client.GetOffset(topic, 2, expected[2][2].Timestamp-StepMs/2)
	Must("offset by time", err)
	CheckSeen("seek to a timestamp", at(2, offset), Seen{2: {2: expected[2][2].String()}})
	offset, err = client.GetOffset(topic, 0, sarama.OffsetNewest)
	Must("newest", err)
	Check("newest", offset, late+1)
	offset, err = client.GetOffset(topic, 0, FirstTimestamp+100_000_000)
	Must("past the end", err)
	Check("past the end", offset, int64(-1))
	_, err = consumer.ConsumePartition(topic, 0, 1_000)
	Check("an offset out of range", errors.Is(err, sarama.ErrOffsetOutOfRange), true)
}

func administer(bootstrap []string, admin sarama.ClusterAdmin, late int64) {
	topics, err := admin.ListTopics()
	Must("list topics", err)
	Check("its settings", *topics[topic].ConfigEntries["retention.ms"], "-1")
	described, err := admin.DescribeTopics([]string{topic})
	Must("describe topics", err)
	Check("partitions", len(described[0].Partitions), Partitions)
	brokers, controller, err := admin.DescribeCluster()
	Must("describe cluster", err)
	Check("broker", []any{brokers[0].Addr(), brokers[0].ID()}, []any{bootstrap[0], controller})

	limit := "2000"
	Must("alter config", admin.IncrementalAlterConfig(sarama.TopicResource, topic, map[string]sarama.IncrementalAlterConfigsEntry{
		"max.message.bytes": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &limit},
	}, false))
	entries, err := admin.DescribeConfig(sarama.ConfigResource{
		Type: sarama.TopicResource, Name: topic, ConfigNames: []string{"max.message.bytes"},
	})
	Must("describe config", err)
	Check("its value", []any{len(entries), entries[0].Value, entries[0].Source}, []any{1, "2000", sarama.SourceTopic})
	producer, err := sarama.NewSyncProducer(bootstrap, config())
	Must("producer", err)
	_, _, err = producer.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.ByteEncoder(make([]byte, 5000))})
	Check("a record too large", errors.Is(err, sarama.ErrMessageSizeTooLarge), true)
	producer.Close()

	Must("create partitions", admin.CreatePartitions(topic, 5, nil, false))
	var refused *sarama.TopicPartitionError
	Check("fewer partitions fail", errors.As(admin.CreatePartitions(topic, 2, nil, false), &refused), true)
	Check("fewer partitions", refused.Err, sarama.ErrInvalidPartitions)
	directories, err := admin.DescribeLogDirs([]int32{controller})
	Must("log dirs", err)
	held := 0
	for _, one := range directories[controller][0].Topics {
		if one.Topic == topic {
			held += len(one.Partitions)
		}
	}
	Check("partitions in the log dir", held >= Partitions, true)
	groups, err := admin.ListConsumerGroups()
	Must("list groups", err)
	Check("group is listed", groups[group], "consumer")
	Must("delete offsets", admin.DeleteConsumerGroupOffset(group, topic, 0))
	Must("delete group", admin.DeleteConsumerGroup(group))
	Check("delete a group that is gone", errors.Is(admin.DeleteConsumerGroup(group), sarama.ErrGroupIDNotFound), true)
	Must("delete topic", admin.DeleteTopic(topic))
	Check("delete an unknown topic", errors.Is(admin.DeleteTopic(topic), sarama.ErrUnknownTopicOrPartition), true)
}
