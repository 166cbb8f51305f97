// Transactions of franz-go and sarama. Usage: transactions BOOTSTRAP
package main

import (
	"context"
	"os"

	. "compat/workload"
)

const records = 100

func main() {
	LimitProgram()
	ctx, cancel := context.WithTimeout(context.Background(), Deadline)
	defer cancel()
	franz(ctx, os.Args[1])
	sarama_(os.Args[1])
}

// checkOnce fails if a value was read more than once.
func checkOnce(seen map[string]int) {
	for value, times := range seen {
		if times != 1 {
			Fail("%s was read %d times", value, times)
		}
	}
}
