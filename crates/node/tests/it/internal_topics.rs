//! The topics in which coordinators keep their state, and who may write to them.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use barnabas_protocol::messages::{ProduceRequest, StrBytes, TopicName};
use bytes::{BufMut, BytesMut};
use std::io::Write;

use crate::node::{Client, Node, batch};

const PRODUCE: i16 = 9;
/// Where the client's id begins in a frame, with its length.
const CLIENT_ID: usize = 12;

fn to(topic: &str) -> ProduceRequest {
    let partition = PartitionProduceData::default().with_records(Some(batch(&[b"spoiled"])));
    let topic = TopicProduceData::default()
        .with_name(TopicName(StrBytes::from_string(topic.to_owned())))
        .with_partition_data(vec![partition]);
    ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(5_000)
        .with_topic_data(vec![topic])
}

fn answer(client: &mut Client) -> i16 {
    let response = client.receive::<ProduceRequest>(PRODUCE).1;
    response.responses[0].partition_responses[0].error_code
}

/// Sends the request as a client of another id than the tests'.
fn send_as(client: &mut Client, id: &str, request: &ProduceRequest) {
    let (frame, _) = client.frame(PRODUCE, request);
    let mut renamed = BytesMut::from(&frame[..CLIENT_ID]);
    renamed.put_i16(id.len() as i16);
    renamed.put_slice(id.as_bytes());
    renamed.put_slice(&frame[CLIENT_ID + 2 + "test".len()..]);
    let size = (renamed.len() - 4) as i32;
    renamed[..4].copy_from_slice(&size.to_be_bytes());
    client.stream.write_all(&renamed).unwrap();
}

#[test]
fn clients_do_not_write_to_them_except_who_administers() {
    let node = Node::start();
    let mut client = node.connect();
    for topic in ["__consumer_offsets", "__transaction_state", "__share_group_state"] {
        node.create_topic(topic, 1);
        client.send(PRODUCE, &to(topic));
        assert_eq!(
            answer(&mut client),
            ErrorCode::InvalidTopicException.code(),
            "{topic}"
        );
    }
    send_as(&mut client, "__admin_client", &to("__share_group_state"));
    assert_eq!(answer(&mut client), 0);
}
