//! Writing with several batches of a partition on their way at once, for who wants to write much: where one
//! fails, those behind it come back too, and all are written again in their order.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::KafkaError;
use super::leaders::TopicPartition;
use super::produce::{Answers, Batch, Producer, Written};

/// What became of a batch, and when.
pub type Settled = (Instant, Written);

type Batches = BTreeMap<TopicPartition, Batch>;

/// A request on its way.
struct Sending<'a> {
    batches: Batches,
    answers: Pin<Box<dyn Future<Output = Answers> + 'a>>,
}

/// Requests on their way, of one producer.
#[derive(Default)]
pub struct InFlight<'a> {
    sending: Vec<Sending<'a>>,
    settled: Vec<Settled>,
    failed: Vec<(TopicPartition, Batch)>,
}

impl<'a> InFlight<'a> {
    /// Sends all that wait.
    ///
    /// # Errors
    /// The producer gets no id.
    pub fn start(&mut self, producer: &mut Producer<'a>) -> Result<(), KafkaError> {
        producer.begin()?;
        while !producer.waiting.is_empty() {
            let mut of_leader: BTreeMap<i32, Batches> = BTreeMap::new();
            for (at, batch) in producer.next_batches()? {
                match producer.leaders.get(&at) {
                    Some(leader) => drop(of_leader.entry(*leader).or_default().insert(at, batch)),
                    None => self.failed.push((at, batch)),
                }
            }
            for (leader, batches) in of_leader {
                let bytes = batches
                    .iter()
                    .map(|(at, batch)| (at.clone(), batch.bytes.clone()));
                let answers = Box::pin(producer.send_to(leader, bytes.collect()));
                self.sending.push(Sending { batches, answers });
            }
        }
        Ok(())
    }

    /// Waits until no more than `most` requests are on their way, or for `patience`, and says what has
    /// become of batches since it was last asked.
    ///
    /// # Errors
    /// A batch can't be made anew.
    pub fn settle(
        &mut self,
        producer: &mut Producer<'a>,
        most: usize,
        patience: Option<Duration>,
    ) -> Result<Vec<Settled>, KafkaError> {
        let cluster = producer.cluster;
        match patience {
            None => cluster.wait(self.drive(most)),
            // Who has time gives all of it to the connections.
            Some(patience) => cluster.wait(async {
                // What isn't answered in this time goes on later.
                drop(tokio::time::timeout(patience, self.drive(0)).await);
            }),
        }
        if !self.failed.is_empty() {
            cluster.wait(self.drive(0));
            self.write_again(producer)?;
        }
        Ok(std::mem::take(&mut self.settled))
    }

    /// Lets requests go on until no more than `most` are left.
    async fn drive(&mut self, most: usize) {
        poll_fn(|context| {
            let mut index = 0;
            while let Some(sending) = self.sending.get_mut(index) {
                match sending.answers.as_mut().poll(context) {
                    Poll::Pending => index += 1,
                    Poll::Ready(answers) => {
                        let sending = self.sending.remove(index);
                        self.take(sending.batches, answers);
                    }
                }
            }
            match self.sending.len() <= most {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }

    fn take(&mut self, mut batches: Batches, answers: Answers) {
        let now = Instant::now();
        for (at, answer) in answers {
            match (batches.remove(&at), answer) {
                (Some(batch), Ok(offset)) => self.settled.push((now, (batch.records, Ok(offset)))),
                (Some(batch), Err(_)) => self.failed.push((at, batch)),
                (None, _) => {}
            }
        }
        // What the leader says nothing of is not known to be written.
        self.failed.extend(batches);
    }

    /// Writes what has failed anew, one batch after the other; nothing is on its way then.
    fn write_again(&mut self, producer: &mut Producer<'a>) -> Result<(), KafkaError> {
        let mut failed: BTreeMap<TopicPartition, Vec<Batch>> = BTreeMap::new();
        for (at, batch) in self.failed.drain(..) {
            failed.entry(at).or_default().push(batch);
        }
        for (at, mut batches) in failed {
            batches.sort_by_key(|batch| batch.sequence);
            if let Some(first) = batches.first() {
                producer.sequences.insert(at.clone(), first.sequence);
            }
            for batch in batches {
                let batch = producer.batch(&at, batch.records)?;
                let written = producer.deliver(BTreeMap::from([(at.clone(), batch)]));
                let now = Instant::now();
                self.settled
                    .extend(written.into_iter().map(|written| (now, written)));
            }
        }
        Ok(())
    }
}
