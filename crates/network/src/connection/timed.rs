//! How long a request takes, where requests are counted: from its start, when all of it has arrived, to the
//! moment at which its response is there and all before it on the connection are.

use std::time::Duration;

use tokio::time::Instant;

use crate::ConnectionContext;
use crate::metrics::Answered;
use crate::response::Reply;

/// A request that is on its way.
#[derive(Clone, Copy, Debug)]
pub struct Timed {
    api_key: i16,
    api_version: i16,
    request_bytes: usize,
    began: Instant,
    local: Duration,
}

impl Timed {
    /// The request in `frame` begins; `None` where nobody counts.
    pub fn begin(context: &ConnectionContext, frame: &[u8]) -> Option<Timed> {
        context.metrics()?;
        let &[k, l, v, w, ..] = frame else { return None };
        Some(Timed {
            api_key: i16::from_be_bytes([k, l]),
            api_version: i16::from_be_bytes([v, w]),
            request_bytes: frame.len(),
            began: Instant::now(),
            local: Duration::ZERO,
        })
    }

    /// Its first part is done, which for most is all.
    pub fn started(&mut self) {
        self.local = self.began.elapsed();
    }

    /// Its answer is there. Nobody counts what was no request.
    pub fn answered(self, context: &ConnectionContext, reply: &Reply) {
        let Some(metrics) = context.metrics() else { return };
        if matches!(reply, Reply::Close) {
            return;
        }
        metrics.answered(&Answered {
            api_key: self.api_key,
            api_version: self.api_version,
            request_bytes: self.request_bytes,
            response_bytes: reply.wire_bytes(),
            total: self.began.elapsed(),
            local: self.local,
        });
    }
}
