// The reader of the order story that chooses its offset (kafka-go, no group). Usage: replay BOOTSTRAP TOPIC PARTITION FROM TO
//
// Writes "order PARTITION OFFSET KEY VALUE" for each offset in [FROM, TO) and ends.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
)

func number(argument int) int64 {
	value, err := strconv.ParseInt(os.Args[argument], 10, 64)
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{os.Args[1]}, Topic: os.Args[2], Partition: int(number(3)), MaxWait: 200 * time.Millisecond,
	})
	defer reader.Close()
	if err := reader.SetOffset(number(4)); err != nil {
		panic(err)
	}
	for next := number(4); next < number(5); next++ {
		message, err := reader.ReadMessage(ctx)
		if err != nil {
			panic(err)
		}
		fmt.Println("order", message.Partition, message.Offset, string(message.Key), string(message.Value))
	}
}
