// The records of the scenario, the same in every language (see compat-tests/README.md), and checks that explain themselves.
'use strict';

const { isDeepStrictEqual, inspect } = require('node:util');

const PARTITIONS = 3;
const PER_CODEC = 6;
const FIRST_TIMESTAMP = 1700000000000;
const STEP_MS = 1000;
const DEADLINE_MS = 30000;
// Less than the suite waits for a program.
const PROGRAM_MS = 110000;

// A batch for each codec, in the order in which they are produced; the odd ones come with the last.
function batches(codecs) {
  let sequence = 0;
  const next = (key, value, headers) => ({
    partition: sequence % PARTITIONS,
    timestamp: FIRST_TIMESTAMP + sequence++ * STEP_MS,
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers,
  });
  const all = codecs.map((codec) => ({
    codec,
    records: Array.from({ length: PER_CODEC }, (_, index) =>
      next(`${codec}-${index}`, `value-${codec}-${index}-${'x'.repeat(100)}`, [
        ['codec', Buffer.from(codec)],
        ['codec', Buffer.from('again')],
        ['binary', Buffer.from([0, 0xff, 0x80])],
        ['empty', Buffer.alloc(0)],
      ]),
    ),
  }));
  all.at(-1).records.push(next('tombstone', null, []), next(null, 'no key', []), next('', '', []));
  return all;
}

// By partition, in offset order: a record's offset is its index.
function expected(codecs) {
  const partitions = Array.from({ length: PARTITIONS }, () => []);
  for (const { records } of batches(codecs)) for (const record of records) partitions[record.partition].push(record);
  return partitions;
}

// What a reader must see: { partition: { offset: record } }, from the start or from the committed half.
function wanted(partitions, pastHalf) {
  const seen = {};
  partitions.forEach((records, partition) => {
    seen[partition] = {};
    records.forEach((record, offset) => {
      if (!pastHalf || offset >= half(records)) seen[partition][offset] = record;
    });
  });
  return seen;
}

const half = (records) => Math.floor(records.length / 2);
const count = (seen) => Object.values(seen).reduce((sum, records) => sum + Object.keys(records).length, 0);

function check(what, got, want) {
  if (!isDeepStrictEqual(got, want)) {
    throw new Error(`WRONG ${what}:\n  got  ${inspect(got, { depth: 9 })}\n  want ${inspect(want, { depth: 9 })}`);
  }
  console.log('ok', what);
}

// The same for what a reader saw; names the first record that differs.
function checkSeen(what, got, want) {
  for (const partition of new Set([...Object.keys(want), ...Object.keys(got)])) {
    for (const offset of new Set([...Object.keys(want[partition] ?? {}), ...Object.keys(got[partition] ?? {})])) {
      const at = `${what}: partition ${partition}, offset ${offset}`;
      if (!isDeepStrictEqual(got[partition]?.[offset], want[partition]?.[offset])) check(at, got[partition]?.[offset], want[partition]?.[offset]);
    }
  }
  check(what, got, want);
}

async function fails(what, call, matches) {
  try {
    await call();
  } catch (error) {
    if (!matches(error)) throw new Error(`WRONG ${what}: ${inspect(error, { depth: 4 })}`);
    console.log('ok', what);
    return;
  }
  throw new Error(`WRONG ${what}: no error`);
}

function within(what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`WRONG ${what}: not within ${DEADLINE_MS} ms`)), DEADLINE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// Ends a program that is not done in time; what it has done so far it has said.
function limitProgram() {
  setTimeout(() => {
    console.error(`WRONG: not done after ${PROGRAM_MS} ms`);
    process.exit(1);
  }, PROGRAM_MS).unref();
}

// Runs before or after, as the command line says: PROGRAM BOOTSTRAP before|after.
function main(phases) {
  limitProgram();
  const [bootstrap, phase] = process.argv.slice(2);
  phases[phase](bootstrap).then(
    () => process.exit(0),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
}

module.exports = { PARTITIONS, FIRST_TIMESTAMP, STEP_MS, batches, expected, wanted, half, count, check, checkSeen, fails, within, limitProgram, main };
