//! The broker's settings as they are now: static ones under the dynamic ones of the metadata image (Kafka's
//! `DynamicBrokerConfig`).

use std::fmt;
use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwap, Guard};

use super::ConfigException;
use super::layers::{Layers, Settings};
use super::typed::BrokerConfig;

/// Settings that change at run time. Reading them takes no lock.
pub struct DynamicBrokerConfig {
    layers: ArcSwap<Layers>,
    config: ArcSwap<BrokerConfig>,
    follower: OnceLock<Follower>,
}

/// Is told of the layers whenever they have changed.
type Follower = Box<dyn Fn(&Layers) + Send + Sync>;

impl fmt::Debug for DynamicBrokerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicBrokerConfig").finish_non_exhaustive()
    }
}

impl DynamicBrokerConfig {
    /// The static settings, before any image was seen.
    ///
    /// # Errors
    /// A static setting is not valid.
    pub fn new(layers: Layers) -> Result<Self, ConfigException> {
        let config = BrokerConfig::resolve(&layers)?;
        Ok(DynamicBrokerConfig {
            layers: ArcSwap::from_pointee(layers),
            config: ArcSwap::from_pointee(config),
            follower: OnceLock::new(),
        })
    }

    /// Has `follower` called after each [`update`](Self::update): for what rests on settings that no typed
    /// view has, those of listeners. There is one at most.
    pub fn follow_by(&self, follower: impl Fn(&Layers) + Send + Sync + 'static) {
        let _ = self.follower.set(Box::new(follower));
    }

    /// The layers that the settings come from.
    pub fn layers(&self) -> Guard<Arc<Layers>> {
        self.layers.load()
    }

    /// The settings in effect.
    pub fn config(&self) -> Guard<Arc<BrokerConfig>> {
        self.config.load()
    }

    /// Takes over the dynamic settings of all brokers and of this one.
    ///
    /// # Errors
    /// One is not valid; all stay as they were.
    pub fn update(&self, of_all: Settings, of_this: Settings) -> Result<(), ConfigException> {
        let layers = self.layers().with_dynamic(of_all, of_this);
        let config = BrokerConfig::resolve(&layers)?;
        self.layers.store(Arc::new(layers));
        self.config.store(Arc::new(config));
        if let Some(follower) = self.follower.get() {
            follower(&self.layers());
        }
        Ok(())
    }
}
