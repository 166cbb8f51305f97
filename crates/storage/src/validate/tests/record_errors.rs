//! Single records at fault, with the texts that Kafka words for them.

use super::*;

#[test]
fn a_compacted_topic_wants_keys() {
    let keyless = Raw { key: None, ..RECORD };
    let payload = [
        RECORD.at(0),
        keyless.at(1),
        keyless.at(2),
        keyless.at(3),
        keyless.at(4),
    ]
    .concat();
    let settings = ValidationSettings {
        compacted: true,
        ..Default::default()
    };
    for mut records in [plain(&payload, 5), gzip(&payload, 5)] {
        assert_eq!(code(&records, &ValidationSettings::default()), Accepted);
        let rejection = validate(
            &mut records,
            "compact",
            0,
            &settings,
            NOW_MS,
            AppendOrigin::Client,
        )
        .unwrap_err();
        let text = "Compacted topic cannot accept message without key in topic partition compact-0";
        assert_eq!(rejection.error_code, InvalidRecord);
        let errors: Vec<_> = rejection
            .record_errors
            .iter()
            .map(|e| (e.batch_index, e.message.as_str()))
            .collect();
        assert_eq!(errors, [(1, text), (2, text), (3, text), (4, text)]);
        assert_eq!(
            rejection.message.unwrap(),
            format!(
                "One or more records have been rejected due to 4 record errors in total, and only showing the first \
                 three errors at most: [RecordError(batchIndex=1, message='{text}'), \
                 RecordError(batchIndex=2, message='{text}'), RecordError(batchIndex=3, message='{text}')]"
            )
        );
    }
}

#[test]
fn timestamps_must_be_near() {
    let settings = ValidationSettings {
        timestamp_before_max_ms: 10_000,
        timestamp_after_max_ms: 5_000,
        ..Default::default()
    };
    let at = |timestamp: i64| batch(&RECORD.at(0), 1, |h| h.base_timestamp = timestamp);
    assert_eq!(code(&at(NOW_MS - 10_000), &settings), Accepted);
    assert_eq!(code(&at(NOW_MS - 10_001), &settings), InvalidTimestamp);
    assert_eq!(code(&at(NOW_MS + 5_000), &settings), Accepted);
    assert_eq!(code(&at(NOW_MS + 5_001), &settings), InvalidTimestamp);
    assert_eq!(code(&at(-1), &settings), Accepted);
    assert_eq!(code(&at(i64::MIN), &settings), InvalidTimestamp);
    let append_time = ValidationSettings {
        timestamp_type: TimestampType::LogAppendTime,
        ..settings
    };
    assert_eq!(code(&at(5), &append_time), Accepted);

    let mut records = at(NOW_MS - 20_000);
    let rejection = validate(&mut records, "t", 0, &settings, NOW_MS, AppendOrigin::Client).unwrap_err();
    assert_eq!(
        rejection.message.unwrap(),
        "One or more records have been rejected due to invalid timestamp"
    );
    assert_eq!(
        rejection.record_errors,
        [RecordError {
            batch_index: 0,
            message: "Timestamp 1799999980000 of message with offset 0 is out of range. \
                      The timestamp should be within [1799999990000, 1800000005000]"
                .to_owned()
        }]
    );
}

#[test]
fn append_time_is_not_the_producers_to_set() {
    let settings = ValidationSettings {
        timestamp_type: TimestampType::LogAppendTime,
        ..Default::default()
    };
    let keyless = Raw { key: None, ..RECORD }.bytes();
    let mut gz = Vec::new();
    compression::compress(Compression::Gzip, None, &keyless, &mut gz).unwrap();
    for (mut records, record) in [
        (
            batch(&keyless, 1, |h| h.attributes.0 = 8),
            "DefaultRecord(offset=0, timestamp=1000, key=0 bytes",
        ),
        (
            batch(&gz, 1, |h| h.attributes.0 = 9),
            "PartialDefaultRecord(offset=0, timestamp=1000, key=-1 bytes",
        ),
    ] {
        let rejection = validate(&mut records, "t", 0, &settings, NOW_MS, AppendOrigin::Client).unwrap_err();
        assert_eq!(rejection.error_code, InvalidTimestamp);
        assert_eq!(
            rejection.record_errors[0].message,
            format!(
                "Invalid timestamp type in message {record}, value=1 bytes). \
                 Producer should not set timestamp type to LogAppendTime."
            )
        );
    }
}

#[test]
fn record_errors_are_bounded() {
    let keyless = Raw { key: None, ..RECORD }.bytes();
    let count = RECORD_ERRORS_MAX + 500;
    let mut records = plain(&keyless.repeat(count), count as i32);
    let settings = ValidationSettings {
        compacted: true,
        ..Default::default()
    };
    let rejection = validate(&mut records, "t", 0, &settings, NOW_MS, AppendOrigin::Client).unwrap_err();
    assert_eq!(rejection.record_errors.len(), RECORD_ERRORS_MAX);
    assert!(
        rejection
            .message
            .unwrap()
            .contains(&format!("due to {count} record errors"))
    );
}
