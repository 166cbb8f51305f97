//! The few fields of an answer that a load generator needs, read where they lie.
//!
//! Answers come from the server under test and are read with bounds checked; what doesn't fit is
//! `Unexpected`, never a panic.

use crate::error::Failure;

/// Bytes of a Fetch answer that are kept: enough for what stands in front of one partition's records.
pub const FETCH_HEAD_BYTES: usize = 128;

/// The error code that lies at `at`.
pub fn check_error(what: &'static str, answer: &[u8], at: usize) -> Result<(), Failure> {
    match answer.get(at..at + 2) {
        Some([0, 0]) => Ok(()),
        Some(code) => Err(Failure::Refused {
            what,
            code: i16::from_be_bytes([code[0], code[1]]),
        }),
        None => Err(Failure::Unexpected(format!(
            "{what}: an answer of {} bytes",
            answer.len()
        ))),
    }
}

/// What stands in front of the records in the answer to a Fetch of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchHead {
    /// The partition's high watermark; `None` where the answer has no partition.
    pub high_watermark: Option<i64>,
    /// Bytes of records that follow.
    pub records_bytes: usize,
}

impl FetchHead {
    /// Reads the front of an answer (without its size).
    ///
    /// # Errors
    /// `Refused` with the error of the answer or of the partition.
    pub fn parse(answer: &[u8]) -> Result<FetchHead, Failure> {
        let mut fields = Fields { rest: answer };
        fields.skip(4 + 1 + 4)?; // correlation id, tags, throttle time
        fields.success()?;
        fields.skip(4)?; // session id
        if fields.count()? == 0 {
            return Ok(FetchHead {
                high_watermark: None,
                records_bytes: 0,
            });
        }
        fields.skip(16)?;
        if fields.count()? == 0 {
            return Ok(FetchHead {
                high_watermark: None,
                records_bytes: 0,
            });
        }
        fields.skip(4)?;
        fields.success()?;
        let high_watermark = i64::from_be_bytes(fields.take()?);
        fields.skip(8 + 8)?; // last stable offset, log start offset
        if fields.count()? != 0 {
            return Err(Failure::Unexpected("Fetch: aborted transactions".to_owned()));
        }
        fields.skip(4)?; // preferred read replica
        let records_bytes = fields.count()?;
        Ok(FetchHead {
            high_watermark: Some(high_watermark),
            records_bytes,
        })
    }
}

struct Fields<'a> {
    rest: &'a [u8],
}

impl Fields<'_> {
    fn skip(&mut self, bytes: usize) -> Result<(), Failure> {
        self.rest = self.rest.get(bytes..).ok_or_else(cut)?;
        Ok(())
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Failure> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or_else(cut)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn success(&mut self) -> Result<(), Failure> {
        match i16::from_be_bytes(self.take()?) {
            0 => Ok(()),
            code => Err(Failure::Refused { what: "Fetch", code }),
        }
    }

    /// A compact count or length; 0 for null.
    fn count(&mut self) -> Result<usize, Failure> {
        let mut value = 0u64;
        for shift in (0..35).step_by(7) {
            let [byte] = self.take()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value.saturating_sub(1) as usize);
            }
        }
        Err(Failure::Unexpected("a number of more than five bytes".to_owned()))
    }
}

fn cut() -> Failure {
    Failure::Unexpected("an answer is cut short".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames;
    use barnabas_protocol::api::ApiKey;
    use barnabas_protocol::codec::{decode_request, encode_response};
    use barnabas_protocol::header::{RequestHeader, encode_response_header};
    use barnabas_protocol::messages::{
        FetchRequest, FetchResponse, OffsetCommitResponse, ProduceResponse, StrBytes, TopicName,
        fetch_response, offset_commit_response, produce_response,
    };
    use bytes::{Bytes, BytesMut};
    use uuid::Uuid;

    fn answer<T: barnabas_protocol::messages::Encodable>(api: ApiKey, version: i16, body: &T) -> BytesMut {
        let mut bytes = BytesMut::new();
        encode_response_header(api, version, 1, &mut bytes);
        encode_response(body, version, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn the_places_of_error_codes() {
        let partition = produce_response::PartitionProduceResponse::default()
            .with_index(5)
            .with_error_code(0x0102);
        let topic =
            produce_response::TopicProduceResponse::default().with_partition_responses(vec![partition]);
        let body = ProduceResponse::default().with_responses(vec![topic]);
        let produce = answer(ApiKey::Produce, frames::PRODUCE, &body);
        let refused = check_error("Produce", &produce, frames::PRODUCE_ERROR_AT);
        assert!(matches!(refused, Err(Failure::Refused { code: 0x0102, .. })));

        let partition =
            offset_commit_response::OffsetCommitResponsePartition::default().with_error_code(0x0304);
        let topic = offset_commit_response::OffsetCommitResponseTopic::default()
            .with_name(TopicName(StrBytes::from_static_str("abc")))
            .with_partitions(vec![partition]);
        let body = OffsetCommitResponse::default().with_topics(vec![topic]);
        let commit = answer(ApiKey::OffsetCommit, frames::OFFSET_COMMIT, &body);
        let refused = check_error("OffsetCommit", &commit, frames::OFFSET_COMMIT_ERROR_AT + 3);
        assert!(matches!(refused, Err(Failure::Refused { code: 0x0304, .. })));
        assert!(check_error("Produce", &produce[..10], frames::PRODUCE_ERROR_AT).is_err());
    }

    fn fetched(error_code: i16, records: usize) -> BytesMut {
        let partition = fetch_response::PartitionData::default()
            .with_error_code(error_code)
            .with_high_watermark(77)
            .with_aborted_transactions(None)
            .with_records(Some(Bytes::from(vec![7; records])));
        let topic = fetch_response::FetchableTopicResponse::default()
            .with_topic_id(Uuid::from_u128(9))
            .with_partitions(vec![partition]);
        answer(
            ApiKey::Fetch,
            frames::FETCH,
            &FetchResponse::default().with_responses(vec![topic]),
        )
    }

    #[test]
    fn the_front_of_a_fetch() {
        for records in [0, 100, 200, 70_000, 3_000_000] {
            let answer = fetched(0, records);
            let head = &answer[..answer.len().min(FETCH_HEAD_BYTES)];
            let expected = FetchHead {
                high_watermark: Some(77),
                records_bytes: records,
            };
            assert_eq!(FetchHead::parse(head).unwrap(), expected, "{records}");
        }
        assert!(matches!(
            FetchHead::parse(&fetched(6, 0)),
            Err(Failure::Refused { code: 6, .. })
        ));
        let nothing = answer(ApiKey::Fetch, frames::FETCH, &FetchResponse::default());
        assert_eq!(
            FetchHead::parse(&nothing).unwrap(),
            FetchHead {
                high_watermark: None,
                records_bytes: 0
            }
        );
        for cut in 0..60 {
            assert!(FetchHead::parse(&fetched(0, 0)[..cut.min(50)]).is_err() || cut >= 50);
        }
    }

    #[test]
    fn requests_are_what_a_broker_decodes() {
        let mut frame = frames::produce(Uuid::from_u128(3), 2, -1, None, vec![9; 100]).unwrap();
        assert_eq!(frames::records_of(&mut frame, 100), [9; 100]);
        let size = i32::from_be_bytes(frame[..4].try_into().unwrap()) as usize;
        assert_eq!(size + 4, frame.len());
        let at = RequestHeader::decode(&frame[4..]).unwrap().size;
        let mut body = frame[4 + at..].to_vec();
        let parsed = barnabas_protocol::produce::ProduceRequest::parse(frames::PRODUCE, &mut body).unwrap();
        assert_eq!(
            (parsed.acks, parsed.partitions.len(), parsed.partitions[0].index),
            (-1, 1, 2)
        );

        let limits = frames::FetchLimits {
            max_wait_ms: 5,
            min_bytes: 1,
            partition_bytes_max: 10,
        };
        let frame = frames::fetch(Uuid::from_u128(3), [(1, 42)], frames::FetchSession::NONE, limits).unwrap();
        let header = RequestHeader::decode(&frame[4..]).unwrap();
        assert_eq!(
            (header.api_key, header.api_version, header.client_id),
            (ApiKey::Fetch, frames::FETCH, "bench")
        );
        let decoded: FetchRequest = decode_request(frames::FETCH, frame.slice(4 + header.size..)).unwrap();
        assert_eq!(decoded.topics[0].partitions[0].fetch_offset, 42);
        assert_eq!((decoded.session_id, decoded.session_epoch), (0, -1));
    }

    #[test]
    fn small_requests_are_small() {
        let batch =
            crate::batch::Batch::new(138, 100, barnabas_protocol::records::Compression::None, 0).unwrap();
        let frame = frames::produce(Uuid::nil(), 0, 1, None, batch.bytes).unwrap();
        assert!((180..=220).contains(&frame.len()), "{}", frame.len());
    }
}
