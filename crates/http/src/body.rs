//! Bodies: what is answered, at once or bit by bit, and what clients send, within limits.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::sync::mpsc;

/// The body of an answer.
pub struct Body(Content);

enum Content {
    /// All of it, until it is sent.
    Whole(Option<Bytes>),
    /// What comes, until nothing more does.
    Parts(mpsc::Receiver<Bytes>),
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = match &mut self.0 {
            Content::Whole(bytes) => bytes.take().filter(|bytes| !bytes.is_empty()),
            Content::Parts(parts) => std::task::ready!(parts.poll_recv(context)),
        };
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.0, Content::Whole(bytes) if bytes.as_ref().is_none_or(Bytes::is_empty))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Content::Parts(_) => SizeHint::default(),
        }
    }
}

/// An answer with all of its body.
pub fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    dressed(status, content_type, Content::Whole(Some(body.into())))
}

/// An answer of server-sent events, as they come.
pub fn events(parts: mpsc::Receiver<Bytes>) -> Response<Body> {
    dressed(StatusCode::OK, "text/event-stream", Content::Parts(parts))
}

fn dressed(status: StatusCode, content_type: &'static str, content: Content) -> Response<Body> {
    let mut response = Response::new(Body(content));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// An answer that is a line of text.
pub fn text(status: StatusCode, line: &str) -> Response<Body> {
    answer(status, "text/plain; charset=utf-8", format!("{line}\n"))
}

/// What a client sends, `most` bytes at most.
///
/// # Errors
/// It is longer, or the client breaks off.
pub async fn read(mut incoming: Incoming, most: usize) -> Result<Vec<u8>, &'static str> {
    let mut body = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut incoming).poll_frame(context)).await {
        let frame = frame.map_err(|_| "the request has broken off")?;
        let Ok(data) = frame.into_data() else { continue };
        if body.len() + data.len() > most {
            return Err("the request is too large");
        }
        body.extend_from_slice(&data);
    }
    Ok(body)
}
