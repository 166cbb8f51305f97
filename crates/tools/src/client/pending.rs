//! Requests on their way, one to each broker: whatever comes first is taken first.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use tokio::time::{Instant, sleep_until};

/// A request on its way to a broker.
struct Pending<'a, T> {
    broker: i32,
    answer: Pin<Box<dyn Future<Output = T> + 'a>>,
}

/// All that are on their way.
pub struct OnTheirWay<'a, T>(Vec<Pending<'a, T>>);

impl<'a, T> OnTheirWay<'a, T> {
    /// None yet.
    pub fn new() -> Self {
        OnTheirWay(Vec::new())
    }

    /// Whether one is on its way to this broker.
    pub fn to(&self, broker: i32) -> bool {
        self.0.iter().any(|pending| pending.broker == broker)
    }

    /// Another one.
    pub fn add(&mut self, broker: i32, answer: impl Future<Output = T> + 'a) {
        let answer = Box::pin(answer);
        self.0.push(Pending { broker, answer });
    }

    /// Waits for none of them any more.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The first answer that comes, and whose; none until `until`.
    pub async fn first(&mut self, until: Instant) -> Option<(i32, T)> {
        let first = poll_fn(|context| {
            for index in 0..self.0.len() {
                if let Poll::Ready(answer) = self.0[index].answer.as_mut().poll(context) {
                    return Poll::Ready((self.0.swap_remove(index).broker, answer));
                }
            }
            Poll::Pending
        });
        tokio::select! {
            biased;
            first = first => Some(first),
            () = sleep_until(until) => None,
        }
    }
}
