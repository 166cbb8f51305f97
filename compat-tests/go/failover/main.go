// A producer or a member of a group that goes on while nodes of a cluster die. Usage: failover franz|sarama produce|consume
// BOOTSTRAP TOPIC [GROUP]
//
// The producer, with acks=all and idempotently, writes "acked SECONDS PARTITION OFFSET KEY NUMBER" for each record; numbers rise
// in the order of producing. The member writes "read PARTITION OFFSET NUMBER", then commits. Both run until they are ended.
package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	. "compat/workload"
)

const (
	keys     = 24
	rate     = 300
	patience = 60 * time.Second
	backoff  = 50 * time.Millisecond
)

var (
	began  = time.Now()
	output sync.Mutex
)

func main() {
	Limit(Service)
	client, role, bootstrap, topic := os.Args[1], os.Args[2], strings.Split(os.Args[3], ","), os.Args[4]
	switch client + " " + role {
	case "franz produce":
		franzProduces(bootstrap, topic)
	case "franz consume":
		franzConsumes(bootstrap, topic, os.Args[5])
	case "sarama produce":
		saramaProduces(bootstrap, topic)
	case "sarama consume":
		saramaConsumes(bootstrap, topic, os.Args[5])
	default:
		Fail("%s %s is not known", client, role)
	}
}

// produce calls send with one record after the other, at the rate of the test.
func produce(send func(key, value []byte)) {
	for number := 0; ; number++ {
		send([]byte(fmt.Sprintf("key-%d", number%keys)), []byte(fmt.Sprintf("%d %0200d", number, 0)))
		time.Sleep(time.Second / rate)
	}
}

func acked(partition int32, offset int64, key, value []byte) {
	output.Lock()
	defer output.Unlock()
	fmt.Printf("acked %.4f %d %d %s %s\n", time.Since(began).Seconds(), partition, offset, key, number(value))
}

func failed(err error) {
	output.Lock()
	defer output.Unlock()
	fmt.Println("failed", err)
}

func read(partition int32, offset int64, value []byte) {
	output.Lock()
	defer output.Unlock()
	fmt.Println("read", partition, offset, string(number(value)))
}

func uncommitted(err error) {
	output.Lock()
	defer output.Unlock()
	fmt.Println("uncommitted", err)
}

func number(value []byte) []byte {
	before, _, _ := bytes.Cut(value, []byte(" "))
	return before
}
