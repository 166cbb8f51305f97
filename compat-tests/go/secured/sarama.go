package main

import (
	"fmt"
	"time"

	"github.com/IBM/sarama"
	"github.com/xdg-go/scram"
)

func sarama_(c Case) error {
	config := sarama.NewConfig()
	config.Metadata.Retry.Max = 0
	config.Producer.Return.Successes = true
	config.Producer.Retry.Max = 0
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Net.DialTimeout, config.Net.ReadTimeout = patience/2, patience/2
	config.Net.TLS.Config = c.tls()
	config.Net.TLS.Enable = config.Net.TLS.Config != nil
	if c.Mechanism != "" {
		config.Net.SASL.Enable = true
		config.Net.SASL.Mechanism = sarama.SASLMechanism(c.Mechanism)
		config.Net.SASL.User, config.Net.SASL.Password = c.User, c.Password
		config.Net.SASL.TokenProvider = tokens(c.Token)
		config.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &conversation{hash: hashes[c.Mechanism]} }
	}
	client, err := sarama.NewClient([]string{c.Bootstrap}, config)
	if err != nil {
		return err
	}
	defer client.Close()
	producer, err := sarama.NewSyncProducerFromClient(client)
	if err != nil {
		return err
	}
	defer producer.Close()
	_, offset, err := producer.SendMessage(&sarama.ProducerMessage{Topic: c.Topic, Value: sarama.StringEncoder(c.Name)})
	if err != nil {
		return err
	}
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return err
	}
	defer consumer.Close()
	partition, err := consumer.ConsumePartition(c.Topic, 0, offset)
	if err != nil {
		return err
	}
	defer partition.Close()
	select {
	case message := <-partition.Messages():
		return c.same(message.Value)
	case <-time.After(patience):
		return fmt.Errorf("no record")
	}
}

type tokens string

func (t tokens) Token() (*sarama.AccessToken, error) {
	return &sarama.AccessToken{Token: string(t)}, nil
}

var hashes = map[string]scram.HashGeneratorFcn{"SCRAM-SHA-256": scram.SHA256, "SCRAM-SHA-512": scram.SHA512}

// conversation is what sarama leaves to its users: SCRAM by a library.
type conversation struct {
	hash scram.HashGeneratorFcn
	*scram.ClientConversation
}

func (c *conversation) Begin(user, password, authorization string) error {
	client, err := c.hash.NewClient(user, password, authorization)
	if err == nil {
		c.ClientConversation = client.NewConversation()
	}
	return err
}
