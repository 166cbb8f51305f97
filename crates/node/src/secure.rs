//! `barnabas --secure`: a listener with TLS and SASL for who tests against a secured broker, with all that it
//! needs made on the way.
//!
//! ```text
//! DATA/secure-ca.pem               what clients trust
//!      secure-server.pem           the server's key and certificate
//!      secure-users.properties     NAME=PASSWORD, to be edited
//!      secure-client.properties    for --command-config of Kafka's tools, and for Java
//! ```
//! What is there is kept; what is deleted is made anew. Authority and server go together. Nothing is written
//! before the rest of the start is known to be in order.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use barnabas_config::{files, properties};
use barnabas_environment::Environment;
use barnabas_network::Listener;
use barnabas_protocol::security_protocol::SecurityProtocol;
use barnabas_security::sasl::nonce;
use barnabas_security::tls::issuing;
use ring::rand::SystemRandom;

use crate::ready::reachable;

/// Where the open listener is.
const OPEN: (&str, u16) = ("localhost", 9092);
/// Who there is at first.
const USER: &str = "admin";
/// In the data folder: what clients of the secured listener trust.
pub const AUTHORITY: &str = "secure-ca.pem";
const PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule";
const SCRAM: &str = "org.apache.kafka.common.security.scram.ScramLoginModule";

/// What was made, or is there.
#[derive(Debug)]
pub struct Secured {
    folder: PathBuf,
    users: Vec<(String, String)>,
    /// What is not there yet.
    made: Vec<(PathBuf, String)>,
}

impl Secured {
    /// Reads what is in the data folder, and makes what is not, but for writing it. `listen` is where the
    /// secured listener is, if that was said.
    ///
    /// # Errors
    /// A file can't be read.
    pub fn prepare(folder: &Path, listen: Option<&str>, environment: &Environment) -> Result<Self, String> {
        let folder = std::path::absolute(folder).map_err(|error| said(folder, &error))?;
        let mut made = Vec::new();
        let (authority, server) = (folder.join(AUTHORITY), folder.join("secure-server.pem"));
        if !(authority.exists() && server.exists()) {
            let now_s = environment.clock.wall_ms() / 1000;
            let issued = issuing::issue(&SystemRandom::new(), now_s, &hosts(listen))?;
            made.extend([(server, issued.server), (authority, issued.authority)]);
        }
        let file = folder.join("secure-users.properties");
        let text = if file.exists() {
            files::read(&file).map_err(|error| said(&file, &error))?
        } else {
            let password = nonce(&|bytes| environment.random.fill(bytes));
            let password = password.replace(['+', '/', '='], "");
            let text = properties::line(USER, &password);
            made.push((file.clone(), text.clone()));
            text.into_bytes()
        };
        let users = properties::parse(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        if users.is_empty() {
            return Err(format!("{}: there is no NAME=PASSWORD in it", file.display()));
        }
        Ok(Secured { folder, users, made })
    }

    /// Writes what was made.
    ///
    /// # Errors
    /// A file can't be written.
    pub fn write(&self) -> Result<(), String> {
        fs::create_dir_all(&self.folder).map_err(|error| said(&self.folder, &error))?;
        self.made.iter().try_for_each(|(path, text)| write(path, text))
    }

    /// The settings that make the listener, weaker than others of the command line.
    pub fn settings(&self, listen: Option<&str>) -> Vec<(String, String)> {
        let users = self.users.iter();
        let users: String = users
            .map(|(name, password)| format!(" user_{name}=\"{}\"", escaped(password)))
            .collect();
        let (open, secured) = addresses(listen);
        let own = [
            ("plain.sasl.jaas.config", format!("{PLAIN} required{users};")),
            ("scram-sha-256.sasl.jaas.config", format!("{SCRAM} required;")),
            ("scram-sha-512.sasl.jaas.config", format!("{SCRAM} required;")),
            (
                "sasl.enabled.mechanisms",
                "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512".to_owned(),
            ),
            ("ssl.keystore.type", "PEM".to_owned()),
            (
                "ssl.keystore.location",
                self.path("secure-server.pem").display().to_string(),
            ),
        ];
        let own = own.map(|(name, value)| (format!("listener.name.sasl_ssl.{name}"), value));
        let listeners = format!("PLAINTEXT://{open},SASL_SSL://{secured}");
        let mut settings = vec![("listeners".to_owned(), listeners)];
        settings.extend(own);
        settings
    }

    /// Says what clients need, and writes it to a file for those of Java.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn clients(&self, address: &str) -> Result<String, String> {
        let (user, password) = &self.users[0];
        let trust = self.path(AUTHORITY).display().to_string();
        let jaas = format!(
            "{PLAIN} required username=\"{}\" password=\"{}\";",
            escaped(user),
            escaped(password)
        );
        let java: String = [
            ("bootstrap.servers", address),
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.jaas.config", &jaas),
            ("ssl.truststore.type", "PEM"),
            ("ssl.truststore.location", &trust),
        ]
        .iter()
        .map(|(name, value)| properties::line(name, value))
        .collect();
        let file = self.path("secure-client.properties");
        write(&file, &java)?;
        let file = file.display();
        Ok(format!(
            "\nSASL_SSL://{address} takes users of {users} by PLAIN, and those of kafka-configs.sh by SCRAM\n\n\
             Java, and --command-config of Kafka's tools ({file}):\n{java}\n\
             librdkafka, kcat, confluent-kafka:\nbootstrap.servers={address}\nsecurity.protocol=SASL_SSL\nsasl.mechanism=PLAIN\n\
             sasl.username={user}\nsasl.password={password}\nssl.ca.location={trust}\n\n\
             Node (kafkajs):\n\
             const {{ Kafka }} = require('kafkajs')\n\
             const kafka = new Kafka({{\n  \
             brokers: [{address:?}],\n  \
             ssl: {{ ca: [require('fs').readFileSync({trust:?})] }},\n  \
             sasl: {{ mechanism: 'plain', username: {user:?}, password: {password:?} }},\n}})\n\n\
             Go (franz-go):\n\
             ca, _ := os.ReadFile({trust:?})\n\
             roots := x509.NewCertPool()\n\
             roots.AppendCertsFromPEM(ca)\n\
             client, err := kgo.NewClient(\n    \
             kgo.SeedBrokers({address:?}),\n    \
             kgo.DialTLSConfig(&tls.Config{{RootCAs: roots}}),\n    \
             kgo.SASL(plain.Auth{{User: {user:?}, Pass: {password:?}}}.AsMechanism()),\n)\n",
            users = self.path("secure-users.properties").display(),
        ))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// What clients are told of the secured listener among these, when the node answers.
///
/// # Errors
/// A file can't be read or written.
pub fn told_to_clients(listeners: &[Arc<Listener>], data_dirs: &[String]) -> Result<String, String> {
    let is_secured = |listener: &&Arc<Listener>| listener.security_protocol == SecurityProtocol::SaslSsl;
    match (listeners.iter().find(is_secured), data_dirs.first()) {
        (Some(listener), Some(folder)) => {
            let secured = Secured::prepare(Path::new(folder), None, &Environment::system())?;
            secured.clients(&reachable(listener))
        }
        _ => Ok(String::new()),
    }
}

/// The open listener's address and the secured one's: a port of localhost is the open one's, and the next
/// is the other's; a host is the secured one's, for who comes from elsewhere comes there.
fn addresses(listen: Option<&str>) -> (String, String) {
    let (host, port) = OPEN;
    let local = |port: u16| format!("{host}:{port}");
    match listen.map(|listen| (listen, listen.strip_prefix("localhost:"))) {
        None => (local(port), local(port + 1)),
        Some((_, Some(port))) => {
            let port = port.parse().unwrap_or(0);
            let next = if port == 0 {
                0
            } else {
                u16::saturating_add(port, 1)
            };
            (local(port), local(next))
        }
        Some((listen, None)) => (local(port), listen.to_owned()),
    }
}

/// What clients may call the server.
fn hosts(listen: Option<&str>) -> Vec<String> {
    let mut hosts = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    let own = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let listen = listen.and_then(|listen| listen.rsplit_once(':'));
    let listen = listen.map(|(host, _)| host.trim_matches(['[', ']']).to_owned());
    for host in listen.into_iter().chain([own]) {
        if !host.is_empty() && !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

/// Text within the quotes of a JAAS entry.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// Writes a file that its owner alone may read, whole or not at all.
fn write(path: &Path, text: &str) -> Result<(), String> {
    let unfinished = path.with_extension("tmp");
    let written = (|| {
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&unfinished)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&unfinished, path)
    })();
    written.map_err(|error| said(path, &error))
}

fn said(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_open_listener_stays_on_this_machine() {
        for (listen, open, secured) in [
            (None, "localhost:9092", "localhost:9093"),
            (Some("localhost:0"), "localhost:0", "localhost:0"),
            (Some("localhost:7000"), "localhost:7000", "localhost:7001"),
            (Some("0.0.0.0:9093"), "localhost:9092", "0.0.0.0:9093"),
            (Some("[::]:9093"), "localhost:9092", "[::]:9093"),
        ] {
            assert_eq!(
                addresses(listen),
                (open.to_owned(), secured.to_owned()),
                "{listen:?}"
            );
        }
        assert!(hosts(Some("[fd00::1]:9093")).contains(&"fd00::1".to_owned()));
    }

    #[test]
    fn what_is_there_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let prepare = || Secured::prepare(folder.path(), None, &Environment::system()).unwrap();
        let first = prepare();
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
        first.write().unwrap();
        let second = prepare();
        assert_eq!((first.made.len(), second.made.len()), (3, 0));
        assert_eq!(first.users, second.users);
        assert!(first.users[0].1.len() >= 24);
        fs::write(folder.path().join("secure-users.properties"), "eve=a\"b\n").unwrap();
        let edited = prepare();
        let settings = edited.settings(None);
        let jaas = &settings[1];
        assert_eq!(jaas.1, format!("{PLAIN} required user_eve=\"a\\\"b\";"));
        assert!(
            edited
                .clients("localhost:9093")
                .unwrap()
                .contains("sasl.username=eve\n")
        );
        fs::write(folder.path().join("secure-users.properties"), "# none\n").unwrap();
        assert!(Secured::prepare(folder.path(), None, &Environment::system()).is_err());
    }
}
