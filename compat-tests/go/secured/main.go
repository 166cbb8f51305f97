// Clients with TLS and SASL: franz-go, sarama, kafka-go. Usage: secured CLIENT < CASES
// CASES is a JSON list; all are tried at once, and what each met ("" is a record there and back) is written as JSON.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	. "compat/workload"
)

// A try that must fail may take so long.
const patience = 15 * time.Second

// Case is a connection to try; what is empty isn't used.
type Case struct {
	Name, Bootstrap, Topic           string
	CA, Certificate, Key             string
	Mechanism, User, Password, Token string
}

var clients = map[string]func(Case) error{"franz": franz, "sarama": sarama_, "segmentio": segmentio}

func main() {
	LimitProgram()
	var cases []Case
	Must("cases", json.NewDecoder(os.Stdin).Decode(&cases))
	try := clients[os.Args[1]]
	met := make(map[string]string, len(cases))
	var lock sync.Mutex
	var all sync.WaitGroup
	for _, one := range cases {
		all.Go(func() {
			said := ""
			if err := try(one); err != nil {
				said = err.Error()
			}
			lock.Lock()
			defer lock.Unlock()
			met[one.Name] = said
		})
	}
	all.Wait()
	answer, err := json.Marshal(met)
	Must("all tries", err)
	fmt.Println(string(answer))
}

// tls is nil for a connection in the open.
func (c Case) tls() *tls.Config {
	if c.CA == "" {
		return nil
	}
	pem, err := os.ReadFile(c.CA)
	Must("files", err)
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	config.RootCAs.AppendCertsFromPEM(pem)
	if c.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(c.Certificate, c.Key)
		Must("files", err)
		config.Certificates = []tls.Certificate{pair}
	}
	return config
}

// same is nil for the record that was sent.
func (c Case) same(value []byte) error {
	if string(value) != c.Name {
		return fmt.Errorf("read %q, wrote %q", value, c.Name)
	}
	return nil
}
