package main

import (
	"context"
	"fmt"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

func segmentio(c Case) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	mechanism, err := c.mechanism()
	if err != nil {
		return err
	}
	dialer := &kafka.Dialer{TLS: c.tls(), SASLMechanism: mechanism, Timeout: patience / 2}
	connection, err := dialer.DialLeader(ctx, "tcp", c.Bootstrap, c.Topic, 0)
	if err != nil {
		return err
	}
	connection.Close()
	transport := &kafka.Transport{TLS: c.tls(), SASL: mechanism}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(c.Bootstrap), Transport: transport}
	produced, err := client.Produce(ctx, &kafka.ProduceRequest{
		Topic: c.Topic, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(kafka.Record{Value: kafka.NewBytes([]byte(c.Name))}),
	})
	if err != nil {
		return err
	}
	if produced.Error != nil {
		return produced.Error
	}
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{c.Bootstrap}, Topic: c.Topic, Dialer: dialer, MaxAttempts: 1})
	defer reader.Close()
	if err := reader.SetOffset(produced.BaseOffset); err != nil {
		return err
	}
	message, err := reader.ReadMessage(ctx)
	if err != nil {
		return err
	}
	return c.same(message.Value)
}

// mechanism is of those that kafka-go has: no tokens.
func (c Case) mechanism() (sasl.Mechanism, error) {
	switch c.Mechanism {
	case "":
		return nil, nil
	case "PLAIN":
		return plain.Mechanism{Username: c.User, Password: c.Password}, nil
	case "SCRAM-SHA-256":
		return scram.Mechanism(scram.SHA256, c.User, c.Password)
	case "SCRAM-SHA-512":
		return scram.Mechanism(scram.SHA512, c.User, c.Password)
	}
	return nil, fmt.Errorf("kafka-go has no %s", c.Mechanism)
}
