//! What a change costs when there are many topics.

use std::time::{Duration, Instant};

use barnabas_metadata::image::MetadataImage;

use crate::support::topic;

/// A change copies a shard, not the maps: it has to be far cheaper than a walk over all topics. Generous, as machines differ.
#[test]
fn applying_a_change_at_ten_thousand_topics_is_cheap() {
    let topics: Vec<_> = (0..10_000).map(topic).collect();
    let (image, _) = MetadataImage::empty().apply(&topics, 1, 1);
    assert_eq!(image.topics.len(), 10_000);
    let one_more = [topic(10_000)];
    let started = Instant::now();
    for _ in 0..100 {
        assert_eq!(image.apply(&one_more, 2, 1).0.topics.len(), 10_001);
    }
    let each = started.elapsed() / 100;
    println!("{each:?}");
    assert!(each < Duration::from_millis(5), "{each:?}");
}
