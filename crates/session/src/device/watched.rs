//! Options that may name a file, and what they hold at a moment.

use std::path::Path;

use refresh_session_core::crypto::keyed_hash::KeyedHash;
use refresh_session_core::{Certificate, Result, Secret};
use refresh_session_tls::Material;
use refresh_session_tls::identity::certificate_chain;

/// An option that may name a file.
#[derive(Clone)]
pub(super) struct Watched {
    pub(super) param: &'static str,
    pub(super) material: Material,
}

impl Watched {
    pub(super) fn new(param: &'static str, material: Option<Material>) -> Option<Self> {
        material.map(|material| Self { param, material })
    }

    pub(super) fn path(&self) -> Option<&Path> {
        self.material.path()
    }

    /// The file that was read is the one to watch, also when the working directory is another one later.
    pub(super) fn absolute(self) -> Self {
        let absolute = self.path().and_then(|path| std::path::absolute(path).ok());
        match absolute {
            Some(path) => Self { material: Material::Path(path), ..self },
            None => self,
        }
    }
}

/// The same with their content at hand: what is compared is what is parsed.
pub(super) fn load(watched: &[Watched]) -> Result<Vec<Watched>> {
    let load = |Watched { param, material }: &Watched| {
        material.loaded(param).map(|material| Watched { param, material })
    };
    watched.iter().map(load).collect()
}

/// Of all their content together.
pub(super) fn hash(loaded: &[Watched]) -> Result<KeyedHash> {
    let contents: Vec<_> =
        loaded.iter().map(|Watched { param, material }| material.read(param)).collect::<Result<_>>()?;
    // All at once: a vector that grows leaves copies of a key behind that nobody overwrites.
    let mut all = Vec::with_capacity(contents.iter().map(|content| 8 + content.expose().len()).sum());
    for content in &contents {
        all.extend_from_slice(&(content.expose().len() as u64).to_le_bytes());
        all.extend_from_slice(content.expose());
    }
    KeyedHash::of("content of files", &Secret::new(all))
}

/// What the option with this name holds.
pub(super) fn of<'a>(loaded: &'a [Watched], param: &str) -> Option<&'a Material> {
    loaded.iter().find(|watched| watched.param == param).map(|watched| &watched.material)
}

pub(super) fn chain_of(loaded: &[Watched]) -> Result<Option<Vec<Certificate>>> {
    of(loaded, "certificate").map(certificate_chain).transpose()
}
