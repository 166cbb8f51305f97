//! `share`: consumers of a share group.

use barnabas_protocol::messages::{
    GroupId, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, ShareGroupHeartbeatRequest,
    ShareGroupHeartbeatResponse, StrBytes, TopicName, incremental_alter_configs_request as configs,
};
use uuid::Uuid;

use super::Links;
use super::target::{Content, Target, limits, window};
use crate::admin::{Admin, until_ready};
use crate::engine::{self, Report};
use crate::error::Failure;
use crate::options::Options;
use crate::roles::sender::Sender;
use crate::roles::share_consumer::ShareConsumer;
use crate::shared::{Shared, Tail};

/// The type of a resource that is a group.
const GROUP_RESOURCE: i8 = 32;
const SET: i8 = 0;

/// Consumers of one share group that accept all they are given. Fills the topic beforehand; with `--follow`
/// a producer sends one batch when the one before has been delivered to the one consumer.
pub fn share(mut options: Options) -> Result<Report, Failure> {
    let target = Target::open(&mut options)?;
    let content = Content::take(&mut options)?;
    let window = window(&mut options)?;
    let follow = options.flag("follow");
    let consumers: usize = if follow { 1 } else { options.take("consumers", 1)? };
    let preload = options.bytes("preload", 256 << 20)?;
    let limits = limits(&mut options)?;
    options.finish()?;

    if !follow {
        content.fill(&target, preload)?;
    }
    let group = format!("{}-share", target.topic);
    join(&target, &group)?;
    let shape = content.shape();
    let record_bytes = shape.bytes as u64 / u64::from(shape.records);
    let mut streams = target.streams(consumers + usize::from(follow))?;
    let mut links: Links = Vec::new();
    if follow && let Some(stream) = streams.next() {
        let manner = content.manner(1, window.rate.is_some(), true);
        let sender = Sender::new(content.frames(&target)?, 0, manner, None)?;
        links.push((stream, Box::new(sender)));
    }
    for (number, stream) in streams.enumerate() {
        let topic = (target.topic_id, target.partitions);
        let member_id = Uuid::from_u128(number as u128 + 1);
        let consumer = ShareConsumer::new(&group, member_id, topic, record_bytes, limits);
        links.push((stream, Box::new(consumer)));
    }
    let tail = follow.then(|| Tail::new(1, u64::from(shape.records)));
    let report = engine::run(links, Shared::new(tail), window)?;
    target.close()?;
    Ok(report)
}

/// Makes the group, from the start of its topic: a member joins and is assigned its partitions.
fn join(target: &Target, group: &str) -> Result<(), Failure> {
    let mut admin = Admin::connect(target.address)?;
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    let reset = configs::AlterableConfig::default()
        .with_name(text("share.auto.offset.reset"))
        .with_config_operation(SET)
        .with_value(Some(text("earliest")));
    let resource = configs::AlterConfigsResource::default()
        .with_resource_type(GROUP_RESOURCE)
        .with_resource_name(text(group))
        .with_configs(vec![reset]);
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    let answer: IncrementalAlterConfigsResponse = admin.call(1, &request)?;
    let code = answer
        .responses
        .first()
        .map_or(-1, |response| response.error_code);
    if code != 0 {
        return Err(Failure::Refused {
            what: "IncrementalAlterConfigs",
            code,
        });
    }
    admin.find_coordinator(0, group)?;
    let mut epoch = 0;
    until_ready("ShareGroupHeartbeat", || {
        /// Error codes that say "not yet", as far as there is no assignment.
        const NOT_YET: i16 = 15;
        let request = ShareGroupHeartbeatRequest::default()
            .with_group_id(GroupId(text(group)))
            .with_member_id(text(&Uuid::from_u128(u128::MAX).to_string()))
            .with_member_epoch(epoch)
            .with_subscribed_topic_names((epoch == 0).then(|| vec![TopicName(text(&target.topic))]));
        let answer: ShareGroupHeartbeatResponse = admin.call(1, &request)?;
        if answer.error_code != 0 {
            return Ok((answer.error_code, ()));
        }
        epoch = answer.member_epoch;
        let assigned = answer.assignment.map_or(0, |assignment| {
            assignment
                .topic_partitions
                .iter()
                .map(|topic| topic.partitions.len())
                .sum()
        });
        Ok((
            if assigned == target.partitions as usize {
                0
            } else {
                NOT_YET
            },
            (),
        ))
    })
}
