//! The controller's decisions: requests against an image, and the records and replies that come of them.

mod acls;
mod brokers;
mod configs;
mod controllers;
mod fixture;
mod histories;
mod import_cluster;
mod lives;
mod placement;
mod quotas;
mod recoveries;
mod scram;
mod tokens;
mod topics;
