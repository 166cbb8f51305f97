//! Where the TLS of a listener comes from: its settings and the files that they name, read again whenever
//! either may have changed.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use barnabas_config::{Layers, ListenerSettings, SecurityProtocol, TLS_SETTINGS};
use ring::digest;

use super::TlsError;
use super::settings::{ReadFile, TlsSettings};
use super::store::Stores;

/// A listener.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub listener: String,
    pub protocol: SecurityProtocol,
}

/// What was read.
pub(super) struct Material {
    pub settings: TlsSettings,
    pub stores: Stores,
    /// Of all that was read: the same again means that nothing has changed.
    pub digest: Vec<u8>,
}

impl Source {
    /// Reads settings and stores as they are now.
    pub fn read(&self, layers: &Layers, read: ReadFile<'_>) -> Result<Material, TlsError> {
        let given = ListenerSettings::new(layers, &self.listener);
        let settings = TlsSettings::of(&given, self.protocol)?;
        let digest = RefCell::new(digest::Context::new(&digest::SHA256));
        for (key, _) in TLS_SETTINGS {
            let value = given.given(key).unwrap_or_default();
            digest.borrow_mut().update(&value.len().to_be_bytes());
            digest.borrow_mut().update(value.as_bytes());
        }
        let read_and_noted = |path: &Path| {
            let bytes = read(path)?;
            digest.borrow_mut().update(&bytes);
            Ok(bytes)
        };
        let stores = Stores::read(&settings, &read_and_noted)?;
        Ok(Material {
            settings,
            stores,
            digest: digest.into_inner().finish().as_ref().to_vec(),
        })
    }

    /// The files that the settings name.
    pub fn files(&self, layers: &Layers) -> Vec<PathBuf> {
        let settings = TlsSettings::of(&ListenerSettings::new(layers, &self.listener), self.protocol);
        settings.map(|settings| settings.files()).unwrap_or_default()
    }
}
