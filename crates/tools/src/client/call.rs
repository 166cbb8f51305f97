//! Asking a cluster: whom, how often, and for how long.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{ApiVersionsResponse, DescribeClusterRequest, MetadataRequest, Request};
use tokio::runtime::Runtime;
use tokio::time::sleep;

use super::attempts::Attempts;
use super::link::{Link, Unanswered};
use super::to::To;
use super::{Brokers, KafkaError, Properties, Settings};

/// A cluster, as a client sees it. Lives on one thread.
pub struct Cluster {
    runtime: Runtime,
    settings: Settings,
    links: RefCell<BTreeMap<(String, bool), Rc<Link>>>,
    brokers: RefCell<Option<Rc<Brokers>>>,
    /// Where a broker is reached, whatever it advertises.
    beside: Option<(i32, String)>,
}

impl Cluster {
    /// A client with these properties; nothing is sent yet.
    ///
    /// # Errors
    /// A property makes no sense.
    pub fn new(properties: &Properties) -> Result<Self, KafkaError> {
        Self::with(Settings::of(properties)?)
    }

    /// A client that goes by these settings; nothing is sent yet.
    ///
    /// # Errors
    /// The system gives no runtime.
    pub fn with(settings: Settings) -> Result<Self, KafkaError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| KafkaError::plain(format!("no runtime: {error}")))?;
        Ok(Cluster {
            runtime,
            settings,
            links: RefCell::default(),
            brokers: RefCell::default(),
            beside: None,
        })
    }

    /// Reaches the broker with this id at `address`: a client inside the broker's own machine may not get to
    /// what the broker advertises.
    pub fn beside(self, id: i32, address: String) -> Self {
        Cluster {
            beside: Some((id, address)),
            ..self
        }
    }

    fn address_of(&self, broker: &super::Broker) -> String {
        match &self.beside {
            Some((id, address)) if *id == broker.id => address.clone(),
            _ => broker.address(),
        }
    }

    /// What this client goes by.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Waits for what is done on this cluster's runtime.
    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Waits for so long.
    pub fn pause(&self, pause: Duration) {
        self.wait(async { sleep(pause).await });
    }

    /// Asks and waits for the answer; `name` is the call in Kafka's Admin, for its time-out.
    ///
    /// # Errors
    /// No node answers in time, or none serves the request.
    pub fn ask<R: Request + Clone>(
        &self,
        to: To,
        name: &str,
        request: &R,
    ) -> Result<R::Response, KafkaError> {
        self.ask_with(to, name, |_| request.clone())
            .map(|(_, answer)| answer)
    }

    /// As [`Cluster::ask`], for a request that depends on its version.
    ///
    /// # Errors
    /// As there.
    pub fn ask_with<R: Request>(
        &self,
        to: To,
        name: &str,
        request: impl Fn(i16) -> R,
    ) -> Result<(i16, R::Response), KafkaError> {
        self.wait(self.call(to, name, i16::MAX, request))
    }

    /// As [`Cluster::ask`], in version `most` at most.
    ///
    /// # Errors
    /// As there.
    pub fn ask_up_to<R: Request + Clone>(
        &self,
        to: To,
        name: &str,
        most: i16,
        request: &R,
    ) -> Result<R::Response, KafkaError> {
        let call = self.call(to, name, most, |_| request.clone());
        self.wait(call).map(|(_, answer)| answer)
    }

    /// As [`Cluster::ask_with`], where the answer may take longer.
    ///
    /// # Errors
    /// As there.
    pub fn ask_patiently<R: Request>(
        &self,
        to: To,
        name: &str,
        patience: Duration,
        request: impl Fn(i16) -> R,
    ) -> Result<(i16, R::Response), KafkaError> {
        self.wait(self.call_within(to, name, i16::MAX, patience, request))
    }

    /// As [`Cluster::ask_with`], for who does several things at once.
    ///
    /// # Errors
    /// As there.
    pub async fn call<R: Request>(
        &self,
        to: To,
        name: &str,
        most: i16,
        request: impl Fn(i16) -> R,
    ) -> Result<(i16, R::Response), KafkaError> {
        self.call_within(to, name, most, self.settings.request_timeout, request)
            .await
    }

    async fn call_within<R: Request>(
        &self,
        to: To,
        name: &str,
        most: i16,
        patience: Duration,
        request: impl Fn(i16) -> R,
    ) -> Result<(i16, R::Response), KafkaError> {
        let mut attempts = Attempts::new(&self.settings, name);
        loop {
            for address in self.addresses(to, &mut attempts).await? {
                let link = self.link(&address, to);
                match self.once(&link, most, patience, &request).await {
                    Ok(answer) => return Ok(answer),
                    Err(Unanswered::Refused(error)) => return Err(error),
                    Err(Unanswered::Lost(_)) => {
                        self.links.borrow_mut().remove(&(address, to.may_wait()));
                        attempts.tries += 1;
                    }
                }
                attempts.check()?;
            }
            // Where the node is may have changed.
            self.brokers.take();
            if let To::Found(_) = to {
                return Err(KafkaError::of_code(ErrorCode::NetworkException.code(), None));
            }
            attempts.pause().await?;
        }
    }

    async fn once<R: Request>(
        &self,
        link: &Link,
        most: i16,
        patience: Duration,
        request: &impl Fn(i16) -> R,
    ) -> Result<(i16, R::Response), Unanswered> {
        let version = link.version::<R>(most).await?;
        let answer = link.call(version, &request(version), patience).await?;
        Ok((version, answer))
    }

    /// Where to try, one after the other.
    async fn addresses(&self, to: To, attempts: &mut Attempts) -> Result<Vec<String>, KafkaError> {
        let known = self.brokers.borrow().clone();
        if to == To::Any {
            return Ok(match known {
                Some(known) => known.list.iter().map(|broker| self.address_of(broker)).collect(),
                None => self.settings.bootstrap.clone(),
            });
        }
        let brokers = match known {
            Some(known) => known,
            None => self.find_brokers(attempts).await?,
        };
        let node = to.node(&brokers).and_then(|id| brokers.get(id));
        Ok(node.map(|broker| self.address_of(broker)).into_iter().collect())
    }

    /// Asks the bootstrap servers which brokers there are.
    async fn find_brokers(&self, attempts: &mut Attempts) -> Result<Rc<Brokers>, KafkaError> {
        let patience = self.settings.request_timeout;
        loop {
            for address in &self.settings.bootstrap {
                match self.ask_brokers(address, patience).await {
                    Ok(brokers) if brokers.list.is_empty() => {}
                    Ok(brokers) => {
                        let brokers = Rc::new(brokers);
                        self.brokers.replace(Some(brokers.clone()));
                        return Ok(brokers);
                    }
                    Err(Unanswered::Refused(error)) => return Err(error),
                    Err(Unanswered::Lost(_)) => {
                        self.links.borrow_mut().remove(&(address.clone(), false));
                    }
                }
                attempts.check()?;
            }
            attempts.pause().await?;
        }
    }

    /// Asks one node which others there are: brokers, or controllers if it is one.
    async fn ask_brokers(&self, address: &str, patience: Duration) -> Result<Brokers, Unanswered> {
        let link = self.link(address, To::Any);
        if self.settings.of_controllers {
            let request = |_| DescribeClusterRequest::default().with_endpoint_type(2);
            let (_, response) = self.once(&link, i16::MAX, patience, &request).await?;
            return Ok(Brokers::of_description(&response));
        }
        // No topics: an empty list from version 1 on.
        let request = |_| {
            MetadataRequest::default()
                .with_topics(Some(Vec::new()))
                .with_allow_auto_topic_creation(true)
        };
        let (_, response) = self.once(&link, i16::MAX, patience, &request).await?;
        Ok(Brokers::of(&response))
    }

    /// The brokers that there are; asked once, and again after something went wrong.
    ///
    /// # Errors
    /// Nobody answers.
    pub fn brokers(&self, name: &str) -> Result<Rc<Brokers>, KafkaError> {
        if let Some(known) = self.brokers.borrow().clone() {
            return Ok(known);
        }
        self.wait(self.find_brokers(&mut Attempts::new(&self.settings, name)))
    }

    /// Takes over the brokers that a Metadata response names.
    pub fn remember(&self, brokers: Brokers) {
        self.brokers.replace(Some(Rc::new(brokers)));
    }

    /// What a node serves.
    ///
    /// # Errors
    /// It doesn't answer; asked once.
    pub fn served(&self, address: &str) -> Result<ApiVersionsResponse, KafkaError> {
        let link = self.link(address, To::Any);
        match self.wait(link.served()) {
            Ok(served) => Ok(served.clone()),
            Err(Unanswered::Refused(error)) => Err(error),
            Err(Unanswered::Lost(error)) => {
                Err(KafkaError::new(ErrorCode::NetworkException, error.to_string()))
            }
        }
    }

    /// Does something until it succeeds or fails for good; what may be retried is, with Kafka's pauses.
    ///
    /// # Errors
    /// The last error.
    pub fn retry<T>(&self, name: &str, work: impl Fn() -> Result<T, KafkaError>) -> Result<T, KafkaError> {
        let mut attempts = Attempts::new(&self.settings, name);
        loop {
            match work() {
                Err(error) if error.is_retriable() && !error.is(ErrorCode::RequestTimedOut) => {
                    self.brokers.take();
                    attempts.tries += 1;
                    if self.wait(attempts.pause()).is_err() {
                        return Err(error);
                    }
                }
                done => return done,
            }
        }
    }

    fn link(&self, address: &str, to: To) -> Rc<Link> {
        let mut links = self.links.borrow_mut();
        let link = links.entry((address.to_owned(), to.may_wait()));
        let new = || Rc::new(Link::new(address, &self.settings, self.runtime.handle()));
        link.or_insert_with(new).clone()
    }

    /// Asks a broker once, and waits for the answer.
    ///
    /// # Errors
    /// There is none.
    pub async fn call_once<R: Request>(
        &self,
        to: To,
        most: i16,
        request: &R,
    ) -> Result<R::Response, KafkaError> {
        let mut attempts = Attempts::new(&self.settings, "");
        let lost = || KafkaError::of_code(ErrorCode::NetworkException.code(), None);
        let addresses = self.addresses(to, &mut attempts).await?;
        let address = addresses.first().ok_or_else(lost)?;
        let link = self.link(address, to);
        let answered = async {
            let version = link.version::<R>(most).await?;
            link.call(version, request, self.settings.request_timeout).await
        };
        match answered.await {
            Ok(answer) => Ok(answer),
            Err(Unanswered::Refused(error)) => Err(error),
            Err(Unanswered::Lost(_)) => {
                self.links.borrow_mut().remove(&(address.clone(), to.may_wait()));
                self.brokers.take();
                Err(lost())
            }
        }
    }
}
