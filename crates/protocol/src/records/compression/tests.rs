//! Codecs against themselves, and streams at the edge of what Java's readers take: what is expected of those
//! was seen in the answers of Apache Kafka 4.4.0 to the same bytes (block checksums of LZ4: read off its
//! classes).

use super::*;

const ALL: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];

fn sample(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i / 7 % 251) as u8).collect()
}

#[test]
fn every_codec_round_trips() {
    for codec in ALL {
        for len in [0, 1, 32 * 1024, 32 * 1024 + 1, 300_000] {
            let plain = sample(len);
            let mut packed = Vec::new();
            compress(codec, None, &plain, &mut packed).unwrap();
            let mut unpacked = vec![9];
            decompress(codec, &packed, len, &mut unpacked).unwrap();
            assert_eq!(unpacked[1..], plain, "{codec} {len}");
        }
    }
}

#[test]
fn the_cap_holds_to_the_byte() {
    for codec in ALL {
        let mut packed = Vec::new();
        compress(codec, None, &sample(5000), &mut packed).unwrap();
        let mut out = Vec::new();
        let refused = decompress(codec, &packed, 4999, &mut out);
        assert_eq!(
            refused,
            Err(RecordsError::DecompressedTooLarge { codec, cap: 4999 })
        );
        assert!(out.is_empty());
    }
}

#[test]
fn a_payload_cut_anywhere_is_an_error_or_short() {
    for codec in [
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
        Compression::Zstd,
    ] {
        let plain = sample(2000);
        let mut packed = Vec::new();
        compress(codec, None, &plain, &mut packed).unwrap();
        for len in 0..packed.len() {
            let mut out = Vec::new();
            if decompress(codec, &packed[..len], 1 << 20, &mut out).is_ok() {
                assert!(out.len() < plain.len() || out == plain, "{codec} cut to {len}");
            }
        }
    }
}

#[test]
fn levels_change_the_size() {
    for (codec, weak, strong) in [(Compression::Gzip, 1, 9), (Compression::Zstd, -50, 19)] {
        let plain: Vec<u8> = (0..50_000u32)
            .flat_map(|i| (i.wrapping_mul(2_654_435_761) >> 20).to_le_bytes())
            .collect();
        let size = |level| {
            let mut out = Vec::new();
            compress(codec, Some(level), &plain, &mut out).unwrap();
            out.len()
        };
        assert!(size(strong) < size(weak), "{codec}");
    }
}

/// A table row: what the stream is, its bytes, and what comes out (`None`: refused).
type Case = (&'static str, Vec<u8>, Option<&'static [u8]>);

fn check(codec: Compression, cases: &[Case]) {
    for (name, payload, expected) in cases {
        let mut out = Vec::new();
        let read = decompress(codec, payload, 1000, &mut out)
            .is_ok()
            .then_some(&out[..]);
        assert_eq!(read, *expected, "{codec}: {name}");
    }
}

fn packed(codec: Compression, plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    compress(codec, None, plain, &mut out).unwrap();
    out
}

#[test]
fn gzip_as_java_reads_it() {
    let one = packed(Compression::Gzip, b"one");
    let trailer = one.len() - 8;
    check(
        Compression::Gzip,
        &[
            (
                "two members",
                [&one[..], &packed(Compression::Gzip, b"two")].concat(),
                Some(b"onetwo"),
            ),
            (
                "garbage behind",
                [&one[..], b"garbage that is long enough"].concat(),
                Some(b"one"),
            ),
            ("no trailer", one[..trailer].to_vec(), None),
            ("wrong checksum", [&one[..trailer], b"12345678"].concat(), None),
            ("nothing", vec![], None),
        ],
    );
}

#[test]
fn snappy_as_java_reads_it() {
    let one = packed(Compression::Snappy, b"one");
    let (header, chunk) = one.split_at(16);
    let raw = chunk[4..].to_vec();
    let with = |parts: &[&[u8]]| [&[header][..], parts].concat().concat();
    check(
        Compression::Snappy,
        &[
            ("a raw block", raw.clone(), Some(b"one")),
            ("two chunks", with(&[chunk, chunk]), Some(b"oneone")),
            ("two streams", [&one[..], &one].concat(), Some(b"oneone")),
            (
                "another version",
                [&header[..8], &[0; 8], chunk].concat(),
                Some(b"one"),
            ),
            ("a cut chunk length behind", with(&[chunk, &[0, 0]]), Some(b"one")),
            (
                "a chunk of nothing",
                with(&[&[0, 0, 0, 1, 0], chunk]),
                Some(b"one"),
            ),
            ("an empty chunk", with(&[&[0; 4], chunk]), None),
            (
                "a negative length",
                with(&[&[0xff, 0xff, 0xff, 0xfb], b"abc"]),
                None,
            ),
            ("a cut chunk", one[..one.len() - 1].to_vec(), None),
            ("2 GB claimed", vec![0xff, 0xff, 0xff, 0xff, 7, 0, b'a'], None),
            ("nothing", vec![], None),
        ],
    );
}

/// One frame with a stored block, `flags` and a header checksum that fits them.
fn lz4_frame(flags: u8, block_size: u8, content_size: &[u8], behind: &[u8]) -> Vec<u8> {
    let descriptor = [&[flags, block_size], content_size].concat();
    let checksum = (twox_hash::XxHash32::oneshot(0, &descriptor) >> 8) as u8;
    let magic = [0x04, 0x22, 0x4d, 0x18];
    [
        &magic[..],
        &descriptor,
        &[checksum],
        &[3, 0, 0, 0x80],
        b"one",
        behind,
    ]
    .concat()
}

#[test]
fn lz4_as_java_reads_it() {
    const END: [u8; 4] = [0; 4];
    let sound = lz4_frame(0x60, 0x40, &[], &END);
    let mut bad_header = sound.clone();
    bad_header[6] ^= 1;
    let block_checksum = twox_hash::XxHash32::oneshot(0, b"one").to_le_bytes();
    check(
        Compression::Lz4,
        &[
            ("sound", sound.clone(), Some(b"one")),
            ("4 MiB blocks", lz4_frame(0x60, 0x70, &[], &END), Some(b"one")),
            ("unknown block size", lz4_frame(0x60, 0x30, &[], &END), None),
            (
                "content size that lies",
                lz4_frame(0x68, 0x40, &[9; 8], &END),
                Some(b"one"),
            ),
            (
                "content checksum that lies",
                lz4_frame(0x64, 0x40, &[], &[0; 8]),
                Some(b"one"),
            ),
            (
                "block checksum",
                lz4_frame(0x70, 0x40, &[], &[&block_checksum[..], &END].concat()),
                Some(b"one"),
            ),
            (
                "block checksum that lies",
                lz4_frame(0x70, 0x40, &[], &[0; 8]),
                None,
            ),
            ("a second frame", [&sound[..], &sound].concat(), Some(b"one")),
            ("bytes behind", [&sound[..], b"zzzz"].concat(), Some(b"one")),
            ("dependent blocks", lz4_frame(0x40, 0x40, &[], &END), None),
            ("a dictionary", lz4_frame(0x61, 0x40, &[0; 4], &END), None),
            ("version 0", lz4_frame(0x20, 0x40, &[], &END), None),
            ("header checksum", bad_header, None),
            ("no end", lz4_frame(0x60, 0x40, &[], &[]), None),
            ("nothing", vec![], None),
        ],
    );
}

#[test]
fn zstd_as_java_reads_it() {
    let one = packed(Compression::Zstd, b"one");
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    check(
        Compression::Zstd,
        &[
            ("two frames", [&one[..], &one].concat(), Some(b"oneone")),
            ("a skippable frame", [&skippable[..], &one].concat(), Some(b"one")),
            ("bytes behind", [&one[..], b"zzzz"].concat(), None),
            ("cut", one[..one.len() - 2].to_vec(), None),
            ("nothing", vec![], Some(b"")),
        ],
    );
}
