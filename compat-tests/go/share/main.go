// Share groups of franz-go: what is accepted, released, rejected and renewed, and that it stays so.
// Usage: share BOOTSTRAP before|after
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	. "compat/workload"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	topic = "franz-tasks"
	group = "franz-workers"
	tasks = 30
)

func main() {
	LimitProgram()
	ctx, cancel := context.WithTimeout(context.Background(), 2*Deadline)
	defer cancel()
	bootstrap := os.Args[1]
	if os.Args[2] == "before" {
		prepare(ctx, bootstrap)
		settle(ctx, bootstrap)
	} else {
		goOn(ctx, bootstrap)
	}
}

// prepare makes the topic, sets where the group begins, and writes the tasks.
func prepare(ctx context.Context, bootstrap string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	Must("client", err)
	defer client.Close()
	admin := kadm.NewClient(client)
	_, err = admin.CreateTopic(ctx, 2, 1, nil, topic)
	Must("topic", err)
	earliest := "earliest"
	setting := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	setting.Name, setting.Value = "share.auto.offset.reset", &earliest
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeGroupConfig, group
	resource.Configs = append(resource.Configs, setting)
	request := kmsg.NewIncrementalAlterConfigsRequest()
	request.Resources = append(request.Resources, resource)
	answer, err := request.RequestWith(ctx, client)
	Must("group's settings", err)
	Must("group's settings", kerr.ErrorForCode(answer.Resources[0].ErrorCode))
	write(ctx, client, 0, tasks)
}

func write(ctx context.Context, client *kgo.Client, from, to int) {
	for number := from; number < to; number++ {
		Must("produce", client.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: fmt.Appendf(nil, "%d", number)}).FirstErr())
	}
}

func worker(bootstrap string) *kgo.Client {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ShareGroup(group), kgo.ConsumeTopics(topic),
		kgo.ShareAckCallback(func(_ *kgo.Client, results kgo.ShareAckResults) { Must("acknowledgement", results.Error()) }))
	Must("worker", err)
	return client
}

// take polls until `settled` tasks have ended, each as `act` says; it may be given a task several times.
func take(ctx context.Context, client *kgo.Client, settled int, act func(number int, deliveries int32) kgo.AckStatus) {
	for settled > 0 {
		fetched := client.PollRecords(ctx, 10)
		Must("poll", fetched.Err())
		fetched.EachRecord(func(record *kgo.Record) {
			var number int
			_, err := fmt.Sscan(string(record.Value), &number)
			Must("value", err)
			status := act(number, record.DeliveryCount())
			if status == kgo.AckRenew {
				record.Ack(status)
				Must("flush", client.FlushAcks(ctx))
				status = kgo.AckAccept
			}
			record.Ack(status)
			if status != kgo.AckRelease {
				settled--
			}
		})
		Must("flush", client.FlushAcks(ctx))
	}
}

// settle accepts most tasks; each fifth is released once, each seventh rejected, each eleventh renewed before it is accepted.
func settle(ctx context.Context, bootstrap string) {
	client := worker(bootstrap)
	ended := map[int]bool{}
	take(ctx, client, tasks, func(number int, deliveries int32) kgo.AckStatus {
		if ended[number] {
			Fail("%d was settled and came again", number)
		}
		if number%5 == 0 && deliveries == 1 {
			return kgo.AckRelease
		}
		if number%5 == 0 && deliveries != 2 {
			Fail("%d came as the delivery %d", number, deliveries)
		}
		ended[number] = true
		switch {
		case number%7 == 0:
			return kgo.AckReject
		case number%11 == 0:
			return kgo.AckRenew
		}
		return kgo.AckAccept
	})
	client.Close()
	fmt.Printf("ok franz-go: %d tasks settled\n", len(ended))
}

// goOn sees what is new, and nothing of what was settled.
func goOn(ctx context.Context, bootstrap string) {
	client := worker(bootstrap)
	defer client.Close()
	write(ctx, client, tasks, tasks+5)
	take(ctx, client, 5, func(number int, _ int32) kgo.AckStatus {
		if number < tasks {
			Fail("%d was settled before the restart", number)
		}
		return kgo.AckAccept
	})
	idle, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	client.PollRecords(idle, 10).EachRecord(func(record *kgo.Record) { Fail("%s came, and nothing was left", record.Value) })
	fmt.Println("ok franz-go: what was settled stays so")
}
