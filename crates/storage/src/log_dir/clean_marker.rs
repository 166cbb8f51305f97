//! `.kafka_cleanshutdown`: says that the last process closed all logs, and under which epoch its broker was
//! registered. One line of JSON, as Apache Kafka writes it: `{"version":0,"brokerEpoch":12}`.
//!
//! That the file is there is what counts; whatever else it holds, its epoch is not known then.

/// The file's name.
pub const FILE_NAME: &str = ".kafka_cleanshutdown";
/// The epoch of a broker that was not registered, or is not known.
pub const NO_EPOCH: i64 = -1;

/// The file's content.
pub fn encode(broker_epoch: i64) -> Vec<u8> {
    format!(r#"{{"version":0,"brokerEpoch":{broker_epoch}}}"#).into_bytes()
}

/// The epoch in it.
pub fn decode(content: &[u8]) -> i64 {
    let number = || {
        let text = std::str::from_utf8(content).ok()?;
        let (_, value) = text.split_once(r#""brokerEpoch""#)?;
        let value = value.trim_start().strip_prefix(':')?.trim_start();
        let end = value.find(|c: char| c != '-' && !c.is_ascii_digit());
        value[..end.unwrap_or(value.len())].parse().ok()
    };
    number().unwrap_or(NO_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_epoch_is_read_where_there_is_one() {
        for (content, epoch) in [
            (encode(12), 12),
            (encode(NO_EPOCH), NO_EPOCH),
            (br#"{ "brokerEpoch" : 7, "version" : 0 }"#.to_vec(), 7),
            (
                br#"{"version":0,"brokerEpoch":99999999999999999999}"#.to_vec(),
                NO_EPOCH,
            ),
            (br#"{"version":0}"#.to_vec(), NO_EPOCH),
            (b"rubbish \xff".to_vec(), NO_EPOCH),
            (Vec::new(), NO_EPOCH),
        ] {
            assert_eq!(decode(&content), epoch, "{}", String::from_utf8_lossy(&content));
        }
    }
}
