package main

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

func franz(c Case) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	options := []kgo.Opt{
		kgo.SeedBrokers(c.Bootstrap), kgo.DefaultProduceTopic(c.Topic), kgo.RequestRetries(0), kgo.RecordPartitioner(kgo.ManualPartitioner()),
	}
	if config := c.tls(); config != nil {
		options = append(options, kgo.DialTLSConfig(config))
	}
	mechanisms := map[string]sasl.Mechanism{
		"PLAIN":         plain.Auth{User: c.User, Pass: c.Password}.AsMechanism(),
		"SCRAM-SHA-256": scram.Auth{User: c.User, Pass: c.Password}.AsSha256Mechanism(),
		"SCRAM-SHA-512": scram.Auth{User: c.User, Pass: c.Password}.AsSha512Mechanism(),
		"OAUTHBEARER":   oauth.Auth{Token: c.Token}.AsMechanism(),
	}
	if c.Mechanism != "" {
		options = append(options, kgo.SASL(mechanisms[c.Mechanism]))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Ping(ctx); err != nil {
		return err
	}
	sent, err := client.ProduceSync(ctx, &kgo.Record{Value: []byte(c.Name)}).First()
	if err != nil {
		return err
	}
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{c.Topic: {0: kgo.NewOffset().At(sent.Offset)}})
	fetches := client.PollFetches(ctx)
	if err := fetches.Err(); err != nil {
		return err
	}
	return c.same(fetches.Records()[0].Value)
}
