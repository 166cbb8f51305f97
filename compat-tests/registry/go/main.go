// registry URL: franz-go's client, Confluent's with its serializers, and srclient, at one registry.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"

	"github.com/confluentinc/confluent-kafka-go/v2/schemaregistry"
	"github.com/confluentinc/confluent-kafka-go/v2/schemaregistry/serde"
	"github.com/confluentinc/confluent-kafka-go/v2/schemaregistry/serde/avrov2"
	"github.com/confluentinc/confluent-kafka-go/v2/schemaregistry/serde/jsonschema"
	"github.com/riferrei/srclient"
	"github.com/twmb/franz-go/pkg/sr"
)

const (
	one = `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"},{"name":"customer","type":"string"}]}`
	two = `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"},{"name":"customer","type":"string"},{"name":"note","type":["null","string"],"default":null}]}`
	bad = `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"}]}`
)

type order struct {
	ID       int64  `avro:"id" json:"id"`
	Customer string `avro:"customer" json:"customer"`
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func same(what string, found, expected any) {
	if !reflect.DeepEqual(found, expected) {
		panic(fmt.Sprintf("%s: %v, not %v", what, found, expected))
	}
}

func get[T any](value T, err error) T {
	must(err)
	return value
}

func franz(url string) {
	ctx := sr.WithParams(context.Background())
	client := get(sr.NewClient(sr.URLs(url)))
	created := get(client.CreateSchema(ctx, "franz", sr.Schema{Schema: one}))
	same("version", created.Version, 1)
	second := get(client.CreateSchema(ctx, "franz", sr.Schema{Schema: two}))
	same("versions", get(client.SubjectVersions(ctx, "franz")), []int{1, 2})
	same("latest", get(client.SchemaByVersion(ctx, "franz", -1)).ID, second.ID)
	same("text", get(client.SchemaTextByVersion(ctx, "franz", 1)), one)
	same("by id", get(client.SchemaByID(ctx, created.ID)).Schema, one)
	same("usages", len(get(client.SchemaUsagesByID(ctx, created.ID))) > 0, true)
	same("lookup", get(client.LookupSchema(ctx, "franz", sr.Schema{Schema: two})).Version, 2)
	check := get(client.CheckCompatibility(ctx, "franz", -1, sr.Schema{Schema: bad}))
	same("compatible", check.Is, false)
	_, err := client.CreateSchema(ctx, "franz", sr.Schema{Schema: bad})
	var refused *sr.ResponseError
	if !errors.As(err, &refused) || refused.ErrorCode != 409 {
		panic(fmt.Sprintf("incompatible: %v", err))
	}
	inner := get(client.CreateSchema(ctx, "franz-inner", sr.Schema{Schema: `syntax = "proto3"; package p; message Inner { int32 a = 1; }`, Type: sr.TypeProtobuf}))
	outer := sr.Schema{
		Schema: `syntax = "proto3"; package p; import "inner.proto"; message Outer { Inner inner = 1; }`, Type: sr.TypeProtobuf,
		References: []sr.SchemaReference{{Name: "inner.proto", Subject: "franz-inner", Version: inner.Version}},
	}
	made := get(client.CreateSchema(ctx, "franz-outer", outer))
	same("references", get(client.SchemaReferences(ctx, "franz-inner", 1))[0].ID, made.ID)
	for _, result := range client.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatFullTransitive}, "franz") {
		must(result.Err)
	}
	for _, result := range client.Compatibility(ctx, "franz") {
		must(result.Err)
		same("level", result.Level, sr.CompatFullTransitive)
	}
	for _, result := range client.SetMode(ctx, sr.ModeReadOnly, "franz") {
		must(result.Err)
	}
	for _, result := range client.ResetMode(ctx, "franz") {
		must(result.Err)
	}
	same("types", len(get(client.SupportedTypes(ctx))), 3)
	same("all", len(get(client.AllSchemas(ctx))) >= 4, true)
	same("deleted", get(client.DeleteSubject(ctx, "franz", sr.SoftDelete)), []int{1, 2})
	same("gone", get(client.DeleteSubject(ctx, "franz", sr.HardDelete)), []int{1, 2})
}

func confluent(url string) {
	client := get(schemaregistry.NewClient(schemaregistry.NewConfig(url)))
	settings := avrov2.NewSerializerConfig()
	serializer := get(avrov2.NewSerializer(client, serde.ValueSerde, settings))
	reader := get(avrov2.NewDeserializer(get(schemaregistry.NewClient(schemaregistry.NewConfig(url))), serde.ValueSerde, avrov2.NewDeserializerConfig()))
	written := order{ID: 1 << 40, Customer: "Iași"}
	bytes := get(serializer.Serialize("go-avro", &written))
	var read order
	must(reader.DeserializeInto("go-avro", bytes, &read))
	same("avro", read, written)
	writes := get(jsonschema.NewSerializer(client, serde.ValueSerde, jsonschema.NewSerializerConfig()))
	reads := get(jsonschema.NewDeserializer(client, serde.ValueSerde, jsonschema.NewDeserializerConfig()))
	bytes = get(writes.Serialize("go-json", &written))
	read = order{}
	must(reads.DeserializeInto("go-json", bytes, &read))
	same("json", read, written)
	latest := get(client.GetLatestSchemaMetadata("go-avro-value"))
	same("latest", latest.Version, 1)
	same("subjects", len(get(client.GetAllSubjects())) >= 2, true)
	same("compatible", get(client.TestCompatibility("go-avro-value", 1, schemaregistry.SchemaInfo{Schema: bad})), false)
	same("level", get(client.UpdateCompatibility("go-avro-value", schemaregistry.Forward)), schemaregistry.Compatibility(schemaregistry.Forward))
	same("of all", get(client.GetDefaultCompatibility()), schemaregistry.Compatibility(schemaregistry.Backward))
	same("deleted", get(client.DeleteSubject("go-json-value", false)), []int{1})
	same("gone", get(client.DeleteSubject("go-json-value", true)), []int{1})
}

func third(url string) {
	client := srclient.NewSchemaRegistryClient(url)
	made := get(client.CreateSchema("srclient", one, srclient.Avro))
	same("latest", get(client.GetLatestSchema("srclient")).ID(), made.ID())
	same("by id", get(client.GetSchema(made.ID())).Schema(), one)
	same("lookup", get(client.LookupSchema("srclient", one, srclient.Avro)).ID(), made.ID())
	same("compatible", get(client.IsSchemaCompatible("srclient", bad, "latest", srclient.Avro)), false)
	same("versions", get(client.GetSchemaVersions("srclient")), []int{1})
	level := get(client.ChangeSubjectCompatibilityLevel("srclient", srclient.Full))
	same("level", *level, srclient.Full)
	must(client.DeleteSubject("srclient", true))
}

func main() {
	url := os.Args[1]
	franz(url)
	confluent(url)
	third(url)
	fmt.Println("ok")
}
