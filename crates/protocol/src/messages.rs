//! The request, response and record structs of the Kafka protocol, under one roof.
//!
//! Most come from the kafka-protocol crate; no other crate of this workspace names it. Its decoders trust the lengths they read,
//! so bytes from the network go through [`crate::codec::decode_request`], which guards first.

pub use kafka_protocol::messages::*;
pub use kafka_protocol::protocol::buf::{ByteBuf, ByteBufMut};
pub use kafka_protocol::protocol::{
    Decodable, Encodable, HeaderVersion, Message, Request, StrBytes, VersionRange,
};
