//! The language in which the generated table (`generated/shapes.rs`) says what a request looks like on the
//! wire.
//!
//! The guard walks these shapes. They hold what matters for lengths (sizes, versions, null, tags) and no
//! names.

/// What a value looks like on the wire.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A number, bool or uuid of so many bytes.
    Fixed(u8),
    /// A string: UTF-8 with a length.
    Text,
    /// Bytes or records with a length.
    Blob,
    /// Fields one after another, in flexible versions with tagged fields behind them.
    Struct(&'static [Field]),
    /// A count and so many values.
    Array(&'static Kind),
}

/// A closed range of versions; empty where `first > last`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Versions {
    first: i16,
    last: i16,
}

impl Versions {
    const NONE: Versions = Versions { first: 1, last: 0 };

    pub(crate) const fn contains(self, version: i16) -> bool {
        self.first <= version && version <= self.last
    }
}

/// A field of a request or of a struct within.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) kind: Kind,
    pub(crate) versions: Versions,
    pub(crate) nullable: Versions,
    /// The versions in which the field is a tagged one.
    pub(crate) tagged: Versions,
    /// Its tag in these versions.
    pub(crate) tag: Option<u32>,
}

/// A field that is there, without a tag and never null, in versions `first` to `last`.
pub(crate) const fn field(kind: Kind, first: i16, last: i16) -> Field {
    let versions = Versions { first, last };
    Field {
        kind,
        versions,
        nullable: Versions::NONE,
        tagged: Versions::NONE,
        tag: None,
    }
}

impl Field {
    pub(crate) const fn nullable(self, first: i16, last: i16) -> Field {
        Field {
            nullable: Versions { first, last },
            ..self
        }
    }

    pub(crate) const fn tagged(self, tag: u32, first: i16, last: i16) -> Field {
        Field {
            tagged: Versions { first, last },
            tag: Some(tag),
            ..self
        }
    }

    /// Whether the field lies among the untagged ones in `version`.
    pub(crate) const fn is_positional(&self, version: i16) -> bool {
        self.versions.contains(version) && !self.tagged.contains(version)
    }
}

/// A request: its stable versions, the first flexible one (`i16::MAX` if there is none), and its fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) first: i16,
    pub(crate) last: i16,
    pub(crate) flexible_from: i16,
    pub(crate) fields: &'static [Field],
}
