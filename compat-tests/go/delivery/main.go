// The delivery service of the order story: a member of the group "delivery" (franz-go). Usage: delivery BOOTSTRAP TOPIC
//
// Writes "assigned N…" when partitions change, "order PARTITION OFFSET KEY VALUE" for each order, then commits.
package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"compat/workload"

	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	workload.Limit(workload.Service)
	ctx := context.Background()
	assigned := func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
		mine := slices.Clone(partitions[os.Args[2]])
		slices.Sort(mine)
		fmt.Print("assigned")
		for _, partition := range mine {
			fmt.Print(" ", partition)
		}
		fmt.Println()
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(os.Args[1]),
		kgo.ConsumeTopics(os.Args[2]),
		kgo.ConsumerGroup("delivery"),
		kgo.Balancers(kgo.RangeBalancer()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.SessionTimeout(6*time.Second),
		kgo.HeartbeatInterval(500*time.Millisecond),
		kgo.OnPartitionsAssigned(assigned),
	)
	if err != nil {
		panic(err)
	}
	for {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			panic(err)
		}
		fetches.EachRecord(func(record *kgo.Record) {
			fmt.Println("order", record.Partition, record.Offset, string(record.Key), string(record.Value))
		})
		if err := client.CommitUncommittedOffsets(ctx); err != nil {
			panic(err)
		}
	}
}
