package main

import (
	"fmt"
	"time"

	. "compat/workload"

	"github.com/IBM/sarama"
)

// sarama_ commits and aborts transactions, with offsets of a group in them; what is read is what was committed.
func sarama_(bootstrap string) {
	topic := "sarama-txn"
	settings := sarama.NewConfig()
	settings.Version = sarama.V3_0_0_0
	admin, err := sarama.NewClusterAdmin([]string{bootstrap}, settings)
	Must("admin", err)
	defer admin.Close()
	Must("topic", admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false))

	settings.Producer.Idempotent = true
	settings.Producer.RequiredAcks = sarama.WaitForAll
	settings.Producer.Transaction.ID = "sarama-loop"
	settings.Producer.Return.Successes = true
	settings.Net.MaxOpenRequests = 1
	producer, err := sarama.NewSyncProducer([]string{bootstrap}, settings)
	Must("producer", err)
	for number := range records {
		commit := number%3 != 0
		Must("begin", producer.BeginTxn())
		value := fmt.Sprintf("processed %d", number)
		if !commit {
			value = "aborted"
		}
		_, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(value)})
		Must("send", err)
		offsets := map[string][]*sarama.PartitionOffsetMetadata{topic: {{Partition: 0, Offset: int64(number), LeaderEpoch: 0}}}
		Must("offsets", producer.AddOffsetsToTxn(offsets, "sarama-txn-group"))
		if commit {
			Must("commit", producer.CommitTxn())
		} else {
			Must("abort", producer.AbortTxn())
		}
	}
	Must("close", producer.Close())
	committed, err := admin.ListConsumerGroupOffsets("sarama-txn-group", map[string][]int32{topic: {0}})
	Must("committed", err)
	last := records - 1
	if last%3 == 0 {
		last--
	}
	if found := committed.Blocks[topic][0].Offset; found != int64(last) {
		Fail("committed offset %d instead of %d", found, last)
	}

	settings.Consumer.IsolationLevel = sarama.ReadCommitted
	consumer, err := sarama.NewConsumer([]string{bootstrap}, settings)
	Must("consumer", err)
	defer consumer.Close()
	partition, err := consumer.ConsumePartition(topic, 0, sarama.OffsetOldest)
	Must("partition", err)
	defer partition.Close()
	for number := range records {
		if number%3 != 0 {
			select {
			case message := <-partition.Messages():
				if found := string(message.Value); found != fmt.Sprintf("processed %d", number) {
					Fail("read %q instead of number %d", found, number)
				}
			case <-time.After(Deadline):
				Fail("nothing read for number %d", number)
			}
		}
	}
	fmt.Printf("ok sarama: what was committed, in order\n")
}
