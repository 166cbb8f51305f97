package main

import (
	"context"
	"time"

	. "compat/workload"

	"github.com/IBM/sarama"
)

func config() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.V4_1_0_0
	config.Metadata.Retry.Backoff = backoff
	config.Metadata.Retry.Max = int(patience / backoff)
	return config
}

func saramaProduces(bootstrap []string, topic string) {
	settings := config()
	settings.Producer.Idempotent = true
	settings.Producer.RequiredAcks = sarama.WaitForAll
	settings.Producer.Return.Successes = true
	settings.Producer.Retry.Backoff = backoff
	settings.Producer.Retry.Max = int(patience / backoff)
	settings.Net.MaxOpenRequests = 1
	producer, err := sarama.NewAsyncProducer(bootstrap, settings)
	Must("producer", err)
	go func() {
		for message := range producer.Successes() {
			key, _ := message.Key.Encode()
			value, _ := message.Value.Encode()
			acked(message.Partition, message.Offset, key, value)
		}
	}()
	go func() {
		for err := range producer.Errors() {
			failed(err)
		}
	}()
	produce(func(key, value []byte) {
		producer.Input() <- &sarama.ProducerMessage{Topic: topic, Key: sarama.ByteEncoder(key), Value: sarama.ByteEncoder(value)}
	})
}

type saramaMember struct{}

func (saramaMember) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (saramaMember) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (saramaMember) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		read(message.Partition, message.Offset, message.Value)
		session.MarkMessage(message, "")
	}
	return nil
}

func saramaConsumes(bootstrap []string, topic, group string) {
	settings := config()
	settings.Consumer.Offsets.Initial = sarama.OffsetOldest
	settings.Consumer.Offsets.AutoCommit.Interval = 200 * time.Millisecond
	settings.Consumer.Group.Session.Timeout = 6 * time.Second
	settings.Consumer.Group.Heartbeat.Interval = 500 * time.Millisecond
	settings.Consumer.Group.Rebalance.Retry.Backoff = backoff
	settings.Consumer.Retry.Backoff = backoff
	settings.Consumer.Return.Errors = true
	member, err := sarama.NewConsumerGroup(bootstrap, group, settings)
	Must("group", err)
	go func() {
		for err := range member.Errors() {
			uncommitted(err)
		}
	}()
	for {
		// It ends with each rebalance, and where the coordinator is lost.
		if err := member.Consume(context.Background(), []string{topic}, saramaMember{}); err != nil {
			uncommitted(err)
			time.Sleep(backoff)
		}
	}
}
