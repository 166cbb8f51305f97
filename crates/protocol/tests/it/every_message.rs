//! Every API in every version: what Apache Kafka 4.4.0 wrote passes the guard, and decodes and encodes to the same bytes; what has been
//! tampered with is refused or decoded, and never more than that.

use barnabas_environment::Random;
use barnabas_protocol::api::ApiKey;
use barnabas_protocol::frame;
use barnabas_protocol::guard;
use barnabas_protocol::header::RequestHeader;
use barnabas_protocol::malformed::Malformed;
use barnabas_protocol::produce::ProduceRequest;
use bytes::{BufMut, BytesMut};

use crate::any_message::{request_round_trip, response_round_trip};
use crate::golden::unhex;

/// Mutated bodies for each golden one.
const MUTATIONS: usize = 150;

struct Sample {
    api: ApiKey,
    version: i16,
    body: Vec<u8>,
}

fn samples(kind: &str) -> Vec<Sample> {
    let lines = include_str!("../golden/every-message.txt")
        .lines()
        .filter(|line| !line.starts_with('#'));
    let of_kind = lines.filter_map(|line| line.strip_prefix(kind)?.strip_prefix(' '));
    of_kind
        .map(|line| {
            let [key, version, hex] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("three columns: {line}")
            };
            let api = ApiKey::from_key(key.parse().unwrap()).unwrap();
            Sample {
                api,
                version: version.parse().unwrap(),
                body: unhex(hex).to_vec(),
            }
        })
        .collect()
}

#[test]
fn the_samples_hold_every_api_in_every_version() {
    for kind in ["request", "response"] {
        let mut expected = Vec::new();
        for api in ApiKey::ALL {
            for version in api.min_version()..=api.max_version() {
                expected.extend([(*api, version); 2]);
            }
        }
        let held: Vec<_> = samples(kind)
            .iter()
            .map(|sample| (sample.api, sample.version))
            .collect();
        assert_eq!(held, expected, "{kind}");
    }
}

#[test]
fn requests_as_kafka_writes_them_pass_and_round_trip() {
    for Sample { api, version, body } in samples("request") {
        assert_eq!(guard::check(api, version, &body), Ok(()), "{api} v{version}");
        if let Some(again) = request_round_trip(api, version, &body) {
            assert_eq!(again.unwrap(), body, "{api} v{version}");
        }
    }
}

#[test]
fn responses_as_kafka_writes_them_pass_and_round_trip() {
    for Sample { api, version, body } in samples("response") {
        assert_eq!(
            guard::check_response(api, version, &body),
            Ok(()),
            "{api} v{version}"
        );
        for cut in 0..body.len() {
            assert!(
                guard::check_response(api, version, &body[..cut]).is_err(),
                "{api} v{version} cut at {cut}"
            );
        }
        if let Some(again) = response_round_trip(api, version, &body) {
            assert_eq!(again, body, "{api} v{version}");
        }
    }
}

#[test]
fn bytes_behind_a_request_are_ignored_and_missing_ones_are_not() {
    for Sample {
        api,
        version,
        mut body,
    } in samples("request")
    {
        for cut in 0..body.len() {
            assert!(
                guard::check(api, version, &body[..cut]).is_err(),
                "{api} v{version} cut at {cut}"
            );
        }
        body.extend_from_slice(&[0xff; 9]);
        assert_eq!(guard::check(api, version, &body), Ok(()), "{api} v{version}");
    }
}

#[test]
fn versions_out_of_range_are_refused() {
    for api in ApiKey::ALL {
        for version in [
            i16::MIN,
            -1,
            api.min_version() - 1,
            api.max_version() + 1,
            i16::MAX,
        ] {
            assert_eq!(
                guard::check(*api, version, &[0; 64]),
                Err(Malformed::UnsupportedVersion { api: *api, version })
            );
        }
    }
}

/// Lengths and counts that lie, in the forms they have on the wire.
const LIES: &[&[u8]] = &[
    &[0x7f, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xfe],
    &[0x80, 0x00, 0x00, 0x00],
    &[0x06, 0x00, 0x00, 0x00],
    &[0x7f, 0xff],
    &[0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0x7f],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0x80, 0x80, 0x80, 0x80, 0x08],
    &[0xff, 0xff, 0x03],
    &[0x00],
    &[0x01],
    &[0xff],
];

fn tamper(random: &Random, body: &mut Vec<u8>) {
    let at = random.index(body.len() + 1);
    match random.index(5) {
        0 => body.truncate(at),
        1 => {
            let lie = LIES[random.index(LIES.len())];
            let end = (at + lie.len()).min(body.len());
            body.splice(at..end, lie.iter().copied());
        }
        2 => {
            let lie = LIES[random.index(LIES.len())];
            body.splice(at..at, lie.iter().copied());
        }
        3 => {
            for byte in body[at..].iter_mut().take(1 + random.index(4)) {
                *byte = random.u64() as u8;
            }
        }
        _ => {
            let noise: Vec<u8> = (0..random.index(64)).map(|_| random.u64() as u8).collect();
            body.splice(at.., noise);
        }
    }
}

#[test]
fn whatever_passes_the_guard_decodes_and_nothing_panics() {
    let random = Random::seeded(0x9e37_79b9_7f4a_7c15);
    let (mut passed, mut refused) = (0, 0);
    for Sample { api, version, body } in samples("request") {
        for _ in 0..MUTATIONS {
            let mut tampered = body.clone();
            for _ in 0..1 + random.index(3) {
                tamper(&random, &mut tampered);
            }
            let guarded = guard::check(api, version, &tampered);
            match guarded {
                Ok(()) => passed += 1,
                Err(_) => refused += 1,
            }
            if let Some(decoded) = request_round_trip(api, version, &tampered) {
                assert_eq!(decoded.map(drop), guarded, "{api} v{version} {tampered:02x?}");
            }
            if api == ApiKey::Produce {
                let parsed = ProduceRequest::parse(version, &mut tampered.clone()).map(drop);
                assert_eq!(
                    parsed.is_ok(),
                    guarded.is_ok(),
                    "v{version} {tampered:02x?}: {parsed:?} {guarded:?}"
                );
            }
        }
    }
    assert!(
        passed > 1000 && refused > 10_000,
        "{passed} passed, {refused} refused"
    );
}

#[test]
fn no_header_and_no_frame_panics() {
    let random = Random::seeded(0x2545_f491_4f6c_dd1d);
    for _ in 0..50_000 {
        let mut frame = BytesMut::new();
        frame.put_i32(20);
        let body_at = frame.len();
        frame.put_i16(random.below(95) as i16);
        frame.put_i16(random.below(20) as i16);
        frame.put_i32(1);
        frame.put_slice(&[0, 2, b'h', b'i', 1, 5, 1, 7]);
        let mut bytes = frame.to_vec();
        tamper(&random, &mut bytes);
        if let Ok(header) = RequestHeader::decode(&bytes[body_at.min(bytes.len())..]) {
            assert!(header.size <= bytes.len() - body_at);
        }
        let mut received = BytesMut::from(&bytes[..]);
        if frame::reserve(&mut received, 100 << 20).is_ok() {
            assert!(
                received.capacity() <= 4 * bytes.len() + 512,
                "{}",
                received.capacity()
            );
        }
    }
}
