// Writes three greetings, reads them as a member of a group, and prints them.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const topic = "greetings-go"

var greetings = []*kgo.Record{
	{Topic: topic, Key: []byte("Ada"), Value: []byte("Good morning")},
	{Topic: topic, Key: []byte("Grace"), Value: []byte("Ahoy")},
	{Topic: topic, Key: []byte("Linus"), Value: []byte("Moi")},
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	client, err := kgo.NewClient(
		kgo.SeedBrokers(cmp.Or(os.Getenv("BOOTSTRAP"), "localhost:9092")),
		kgo.AllowAutoTopicCreation(),
		kgo.ConsumerGroup("readers-go"),
		kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	if err := client.ProduceSync(ctx, greetings...).FirstErr(); err != nil {
		log.Fatal("not delivered: ", err)
	}
	for left := len(greetings); left > 0; {
		fetches := client.PollRecords(ctx, left)
		if err := fetches.Err(); err != nil {
			log.Fatal("no greeting: ", err)
		}
		fetches.EachRecord(func(record *kgo.Record) {
			fmt.Printf("%s says '%s' (offset %d)\n", record.Key, record.Value, record.Offset)
			left--
		})
	}
	if err := client.CommitUncommittedOffsets(ctx); err != nil { // the group remembers what was read
		log.Fatal("not committed: ", err)
	}
}
