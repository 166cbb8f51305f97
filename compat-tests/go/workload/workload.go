// Package workload has the records of the scenario, the same in every language (see compat-tests/README.md), and checks
// that explain themselves.
package workload

import (
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"strings"
	"time"
)

const (
	Partitions     = 3
	perCodec       = 6
	FirstTimestamp = int64(1_700_000_000_000)
	StepMs         = int64(1_000)
	Deadline       = 30 * time.Second
)

// The suite waits 120 s for a program; one that is not done before says where all its goroutines are.
const programLimit = 110 * time.Second

// Service is for programs that run until they are ended: whoever still runs then has been forgotten.
const Service = 2 * time.Hour

// LimitProgram is what every program of the scenario calls first.
func LimitProgram() { Limit(programLimit) }

// Limit ends the program after that time.
func Limit(limit time.Duration) {
	debug.SetTraceback("all")
	time.AfterFunc(limit, func() { panic(fmt.Sprintf("WRONG: not done after %v", limit)) })
}

// Codecs every Go client can write.
var Codecs = []string{"none", "gzip", "snappy", "lz4", "zstd"}

// Header is a record header.
type Header struct {
	Key   string
	Value string
}

// Record is what a consumer must see. A nil key or value is told from an empty one.
type Record struct {
	Partition int32
	Timestamp int64
	Key       []byte
	Value     []byte
	Headers   []Header
}

func (r Record) String() string {
	return fmt.Sprintf("%d@%d %s -> %s %q", r.Partition, r.Timestamp, shown(r.Key), shown(r.Value), r.Headers)
}

func shown(data []byte) string {
	if data == nil {
		return "null"
	}
	return fmt.Sprintf("%q", data)
}

// Batch is what is produced at once with one codec.
type Batch struct {
	Codec   string
	Records []Record
}

// Batches returns a batch for each codec, in the order in which they are produced; the odd ones come with the last.
func Batches() []Batch {
	sequence := 0
	next := func(key, value []byte, headers []Header) Record {
		record := Record{int32(sequence % Partitions), FirstTimestamp + int64(sequence)*StepMs, key, value, headers}
		sequence++
		return record
	}
	var batches []Batch
	for _, codec := range Codecs {
		batch := Batch{Codec: codec}
		for index := range perCodec {
			headers := []Header{{"codec", codec}, {"codec", "again"}, {"binary", "\x00\xff\x80"}, {"empty", ""}}
			key := fmt.Sprintf("%s-%d", codec, index)
			value := fmt.Sprintf("value-%s-%d-%s", codec, index, strings.Repeat("x", 100))
			batch.Records = append(batch.Records, next([]byte(key), []byte(value), headers))
		}
		batches = append(batches, batch)
	}
	last := &batches[len(batches)-1]
	last.Records = append(last.Records,
		next([]byte("tombstone"), nil, nil), next(nil, []byte("no key"), nil), next([]byte{}, []byte{}, nil))
	return batches
}

// Late is what is produced after the restart.
func Late() Record {
	return Record{0, FirstTimestamp + 1_000_000, []byte("late"), []byte("after the restart"), nil}
}

// Seen maps an offset to what was read there, by partition.
type Seen map[int32]map[int64]string

// Add notes a record; it ends the program when the offset was seen before.
func (s Seen) Add(offset int64, record Record) {
	if s[record.Partition] == nil {
		s[record.Partition] = map[int64]string{}
	}
	if before, twice := s[record.Partition][offset]; twice {
		Fail("offset %d seen twice: %s and %s", offset, before, record)
	}
	s[record.Partition][offset] = record.String()
}

// Expected returns the records by partition; the offset of a record is its index.
func Expected() map[int32][]Record {
	partitions := map[int32][]Record{}
	for _, batch := range Batches() {
		for _, record := range batch.Records {
			partitions[record.Partition] = append(partitions[record.Partition], record)
		}
	}
	return partitions
}

// Half is the offset that is committed in a partition before the restart.
func Half(partition int32) int64 { return int64(len(Expected()[partition]) / 2) }

// Want returns what a reader must see, and how much that is: everything, or what lies past the committed half.
func Want(pastHalf bool) (Seen, int) {
	want, count := Seen{}, 0
	for partition, records := range Expected() {
		for offset, record := range records {
			if !pastHalf || int64(offset) >= Half(partition) {
				want.Add(int64(offset), record)
				count++
			}
		}
	}
	return want, count
}

// Fail ends the program.
func Fail(format string, arguments ...any) {
	fmt.Printf("WRONG "+format+"\n", arguments...)
	os.Exit(1)
}

// Check ends the program with both values when they differ.
func Check(what string, got, want any) {
	if !reflect.DeepEqual(got, want) {
		Fail("%s:\n  got  %v\n  want %v", what, got, want)
	}
	fmt.Println("ok", what)
}

// CheckSeen ends the program with the first record that differs.
func CheckSeen(what string, got, want Seen) {
	for partition := range int32(Partitions) {
		for offset := range int64(len(got[partition]) + len(want[partition]) + 64) {
			if got[partition][offset] != want[partition][offset] {
				Fail("%s: partition %d, offset %d\n  got  %s\n  want %s",
					what, partition, offset, got[partition][offset], want[partition][offset])
			}
		}
	}
	Check(what, got, want)
}

// Must ends the program when a step that has to work did not.
func Must(what string, err error) {
	if err != nil {
		Fail("%s: %v", what, err)
	}
	fmt.Println("ok", what)
}
