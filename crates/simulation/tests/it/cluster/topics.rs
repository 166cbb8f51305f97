//! Topics that come and go.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use barnabas_protocol::messages::{CreateTopicsRequest, DeleteTopicsRequest, TopicName};
use tokio::time::sleep;

use super::client::{ClusterClient, To, text};

const CREATE_TOPICS: i16 = 5;
const DELETE_TOPICS: i16 = 4;

/// Creates topics and deletes them.
pub async fn churn(mut client: ClusterClient, replicas: i16, done: Rc<Cell<bool>>) {
    let mut number = 0;
    while !done.get() {
        let name = format!("churn-{number}");
        number += 1;
        create(&mut client, &name, 2, replicas).await;
        sleep(Duration::from_millis(client.random.below(2_000))).await;
        let request = DeleteTopicsRequest::default()
            .with_topic_names(vec![TopicName(text(&name))])
            .with_timeout_ms(3_000);
        let mut tries = 0;
        loop {
            tries += 1;
            let answered = client.try_ask(To::Any, DELETE_TOPICS, &request).await;
            let code = answered.ok().map(|response| response.responses[0].error_code);
            // An answer that was lost may have been that it is gone.
            let gone = ErrorCode::UnknownTopicOrPartition.code();
            if code == Some(0) || code == Some(gone) && tries > 1 {
                break;
            }
            sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Creates a topic, unless it is there.
pub async fn create(client: &mut ClusterClient, name: &str, partitions: i32, replicas: i16) {
    let unclean = CreatableTopicConfig::default()
        .with_name(text("unclean.leader.election.enable"))
        .with_value(Some(text("false")));
    let topic = CreatableTopic::default()
        .with_name(TopicName(text(name)))
        .with_num_partitions(partitions)
        .with_replication_factor(replicas)
        .with_configs(vec![unclean]);
    let request = CreateTopicsRequest::default()
        .with_topics(vec![topic])
        .with_timeout_ms(3_000);
    loop {
        let answered = client.try_ask(To::Any, CREATE_TOPICS, &request).await;
        let code = answered.ok().map(|response| response.topics[0].error_code);
        if [0, ErrorCode::TopicAlreadyExists.code()]
            .map(Some)
            .contains(&code)
        {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
}
